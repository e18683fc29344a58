"""What moto's Auto Scaling lacks for a roll-out, as a program for `MotoServer(also=SOURCE)`.

- An instance refresh: one instance after the other is ended, and a new one started of the version of the template that
  the group names now.
- User-data of a template's second version: moto reads only that of the first, and then starts no instance.
"""

from __future__ import annotations

SOURCE = """\
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.ec2.models.launch_templates import LaunchTemplateVersion
from moto.ec2.utils import parse_user_data

def start_instance_refresh(self):
    (group,) = self.autoscaling_backend.describe_auto_scaling_groups([self._get_param("AutoScalingGroupName")])
    wanted = self._get_param("DesiredConfiguration.LaunchTemplate")
    if wanted:
        group._set_launch_configuration(None, wanted, None)
    for state in list(group.instance_states):
        self.autoscaling_backend.terminate_instance(state.instance.id, False)
    return ActionResult({"InstanceRefreshId": "08b91cf7-8fa6-48af-b6a6-d227f40f1b9b"})

AutoScalingResponse.start_instance_refresh = start_instance_refresh
made = LaunchTemplateVersion.__init__

def make(self, template, number, data, description):
    if type(data.get("UserData")) is str:
        data = {**data, "UserData": parse_user_data(data["UserData"])}
    made(self, template, number, data, description)

LaunchTemplateVersion.__init__ = make
"""
