# Installs what the runner needs on a server made for it, bakes the runner in, seals, and has the cloud take the image:
#   packer build -only=openstack.image -var image=UUID -var flavor=NAME .
# The image is then fetched, and a copy of it booted here: that takes the programs `openstack`, `bootstrap` and QEMU.
# On any machine that you reach by SSH, to be made an image by other means:
#   packer build -only=null.machine -var host=ADDRESS .

variable "zipapp" {
  type        = string
  default     = "build/bootstrap.pyz"
  description = "The toolkit in one file, made for the Python of the image: make zipapp."
}

variable "image" {
  type        = string
  default     = ""
  description = "What to start from: the UUID of an image with Debian."
}

variable "name" {
  type        = string
  default     = "debian-initialrunner"
  description = "Of the image that is made; no other image of the project may have it."
}

variable "flavor" {
  type    = string
  default = ""
}

variable "host" {
  type    = string
  default = "127.0.0.1"
}

variable "user" {
  type        = string
  default     = "debian"
  description = "Who may use sudo without a password."
}

variable "key" {
  type        = string
  default     = ""
  description = "A file with the private key of that user; without one, an SSH agent's. For openstack Packer makes one."
}

source "openstack" "image" {
  image_name   = var.name
  source_image = var.image
  flavor       = var.flavor
  ssh_username = var.user
}

source "null" "machine" {
  ssh_host             = var.host
  ssh_username         = var.user
  ssh_private_key_file = var.key
  ssh_agent_auth       = var.key == ""
}

build {
  sources = ["source.openstack.image", "source.null.machine"]

  provisioner "file" {
    source      = var.zipapp
    destination = "/tmp/bootstrap.pyz"
  }

  provisioner "shell" {
    execute_command  = "chmod +x {{ .Path }}; sudo env {{ .Vars }} {{ .Path }}"
    inline_shebang   = "/bin/sh -eu"
    environment_vars = ["DEBIAN_FRONTEND=noninteractive"]
    inline = [
      "apt-get -q update",
      "apt-get -q -y install --no-install-recommends cron python3",
      "systemctl enable cron",
      # Of the running machine: it is the builder from now on and takes no bundle, its clones do.
      "python3 /tmp/bootstrap.pyz bake / --source files --source config-drive --host-keys",
      # What would write into the sealed image until the machine is off: logs, a seed for the next boot, who was there.
      "journalctl --relinquish-var",
      "systemctl stop systemd-random-seed.service",
      "systemctl stop syslog.socket rsyslog.service || true",
      "rm -f /var/log/wtmp",
      # Last, since exit code 4 ends the build before an image is taken. Packer's own key goes too: its session stays. So
      # does the toolkit, with what it has unpacked, when nothing else is left.
      "python3 /tmp/bootstrap.pyz seal / --clean --clean-access --require cron",
    ]
  }

  # When the image is refused this fails, and Packer removes it from the cloud.
  post-processor "shell-local" {
    only           = ["openstack.image"]
    inline_shebang = "/bin/sh -eu"
    inline = [
      "work=$(mktemp -d)",
      "trap 'rm -r \"$work\"' EXIT",
      "openstack image save --file \"$work/image\" '${var.name}'",
      "bootstrap try \"$work/image\" --require cron",
    ]
  }
}
