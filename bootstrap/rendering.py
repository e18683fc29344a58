"""One server's payload in the form that each SDK's create call takes: a part of the Python API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

if TYPE_CHECKING:
    from bootstrap.payload.sign import Signer
    from bootstrap.render.model import PublishedBundle, Rendered
    from bootstrap.targets.model import Packed
    from bootstrap.targets.output import Manifest
    from bootstrap.targets.providers import NEVER_BYTES, TAKES_BASE64
    from bootstrap.targets.seed import Seed

# Your own user-data, to go along with ours: a Path is a file; a text or bytes is the content itself.
Beside = Sequence[str | bytes | Path]


@dataclass(frozen=True)
class Rendering:
    """One server's payload, in the form that each SDK's call takes. `ServerPlan.render` makes it.

    Every method raises PayloadError if the payload does not fit or cannot be signed, and UsageError for a provider that
    does not exist.
    """

    # Not in the repr: a log of the object would show secrets.
    rendered: Rendered = field(repr=False)
    cron_template: str | None = None
    bundle_at: PublishedBundle | None = field(default=None, repr=False)
    signer: Signer | None = None
    runner_at: tuple[str, ...] = field(default=(), repr=False)
    runner_from: tuple[str, ...] | None = field(default=None, repr=False)

    @property
    def server(self) -> str:
        """The server's name."""
        return self.rendered.server

    @property
    def deploy_id(self) -> str:
        """The roll-out it belongs to; `bootstrap wait --deploy-id` takes it."""
        return self.rendered.deploy_id

    @property
    def revision(self) -> str:
        """Twelve hex digits of what was checked in: the spec, the roll-out's values, the files that it names."""
        return self.rendered.revision

    def split(self, *sources: str) -> Rendering:
        """Return the same for hosts that get the runner another way: a carrier takes the place of the bundle.

        sources: where they find the runner's text, by its SHA-256: "collector", URLs, or "disk", which they look at
        first in any case. user_data(), cloud_config(), nocloud() and the like of the result carry all else.
        """
        return replace(self, runner_from=sources or ("disk",))

    def personality(self, provider: str = "nova", *, url: str | None = None) -> list[dict[str, str]]:
        """Return `[{"path": …, "contents": base64}]`, in order, as openstacksdk's compute proxy and Nova's API take it.

        url: the URL of the bundle, for providers that take files of at most 750 bytes, which then carry a stub.
        """
        from bootstrap.targets import personality, table

        return personality.items(self.pack(table.PERSONALITY.name, provider, url=url).payload)

    # As for user_data() below. Without parts of the caller's own it is always text, since a stub alone is small.
    @overload
    def stub(self, url: str | None = None, provider: str | None = None, *, encoded: bool | None = None) -> str: ...
    @overload
    def stub(
        self,
        url: str | None = None,
        provider: NEVER_BYTES | None = None,
        *,
        encoded: bool | None = None,
        beside: Beside,
    ) -> str: ...
    @overload
    def stub(
        self,
        url: str | None = None,
        provider: TAKES_BASE64 = ...,
        *,
        encoded: Literal[True] | None = None,
        beside: Beside,
    ) -> str: ...
    @overload
    def stub(
        self, url: str | None = None, provider: str | None = None, *, encoded: Literal[True], beside: Beside
    ) -> str: ...
    @overload
    def stub(
        self, url: str | None = None, provider: str | None = None, *, encoded: bool | None = None, beside: Beside = ()
    ) -> str | bytes: ...
    def stub(
        self,
        url: str | None = None,
        provider: str | None = None,
        *,
        encoded: bool | None = None,
        beside: Beside = (),
    ) -> str | bytes:
        """Return user-data that fetches the bundle and runs it if its SHA-256 is right; about 500 bytes and the URL.

        url: an https URL, also a presigned one with its query; when not given, that of the published bundle. The bytes
        to upload there are `pack("stub", url=url).payload.bundle`. provider: the provider whose user-data it has to
        fit; None: no limit is checked, and the result is text. encoded, beside: as for user_data().
        """
        from bootstrap.targets import table, user_data

        packed = self.pack(table.STUB.name, provider, beside, url=url)
        return user_data.argument(packed.blob, packed.provider, encoded=encoded)

    def injected_files(self, provider: str = "nova", *, url: str | None = None) -> dict[str, bytes]:
        """Return `{path: bytes}`, not encoded, as novaclient (`files=`) and libcloud (`ex_files=`) take it.

        Both encode it by themselves. Heat and Terraform take text instead: see docs/how-to/heat-terraform-packer.md.
        url: as for personality().
        """
        from bootstrap.targets import table

        return {file.path: file.content for file in self.pack(table.PERSONALITY.name, provider, url=url).payload.files}

    def starter(self, provider: str = "nova", *, beside: Beside = ()) -> str:
        """Return user-data, as text, for the same call as personality(provider), if it makes a config drive.

        cloud-init writes the files of a config drive in such a way that cron ignores them; this user-data starts the
        bundle all the same. The text is not encoded: do it as for any user-data. beside: as for user_data().
        """
        from bootstrap.targets import table

        return self.pack(table.PERSONALITY.name, provider, beside).blob.decode()

    # If the call itself names the provider or `encoded`, the overloads tell a type checker which form it returns.
    @overload
    def user_data(
        self, provider: NEVER_BYTES | None = None, *, encoded: bool | None = None, beside: Beside = ()
    ) -> str: ...
    @overload
    def user_data(
        self, provider: TAKES_BASE64, *, encoded: Literal[True] | None = None, beside: Beside = ()
    ) -> str: ...
    @overload
    def user_data(self, provider: str | None, *, encoded: Literal[True], beside: Beside = ()) -> str: ...
    @overload
    def user_data(
        self, provider: str | None = None, *, encoded: bool | None = None, beside: Beside = ()
    ) -> str | bytes: ...
    def user_data(
        self, provider: str | None = None, *, encoded: bool | None = None, beside: Beside = ()
    ) -> str | bytes:
        """Return the user-data in the form of the provider's usual call: text, base64 text, or gzip bytes.

        provider: None: no limit is checked, and the result is text. encoded: True if your call takes base64, False if
        it encodes by itself; None: as the call in the provider's profile. beside: your own cloud-config, scripts and
        other user-data, which go along in one MIME message: a Path is a file; a text or bytes is the content itself.
        """
        from bootstrap.targets import table, user_data

        packed = self.pack(table.USER_DATA.name, provider, beside)
        return user_data.argument(packed.blob, packed.provider, encoded=encoded)

    def user_data_text(self, provider: str | None = None, *, beside: Beside = ()) -> str:
        """Return the user-data as text, not encoded: for calls and files that take no bytes.

        provider, beside: as for user_data(). Raises PayloadError too where the provider has room only for bytes that
        are compressed.
        """
        from bootstrap.targets import table, user_data

        packed = self.pack(table.USER_DATA.name, provider, beside)
        return user_data.text(packed.blob, packed.provider)

    def user_data_bytes(self, provider: str | None = None, *, beside: Beside = ()) -> bytes:
        """Return the user-data as bytes, not encoded, compressed where only that fits: the content of a file.

        It suits calls that take bytes and encode by themselves. provider, beside: as for user_data().
        """
        from bootstrap.targets import table

        return self.pack(table.USER_DATA.name, provider, beside).blob

    def cloud_config(self, provider: str | None = None) -> str:
        """Return a `#cloud-config` document, as text, that writes and starts the bundle; merge it or pass it on."""
        from bootstrap.targets import cloud_config, table

        return cloud_config.text(self.pack(table.CLOUD_CONFIG.name, provider).payload)

    def nocloud(self, *, beside: Beside = ()) -> Seed:
        """Return the volume `cidata` for NoCloud: its `files`, `write(directory)`, and `image()`, an ISO's bytes."""
        from bootstrap.targets import seed, table

        packed = self.pack(table.NOCLOUD.name, beside=beside)
        return seed.nocloud(packed.payload, packed.blob)

    def config_drive(self, *, beside: Beside = ()) -> Seed:
        """Return the volume `config-2`, as OpenStack's config drive: the payload as injected files, and the starter."""
        from bootstrap.targets import seed, table

        packed = self.pack(table.CONFIG_DRIVE.name, beside=beside)
        return seed.config_drive(packed.payload, packed.blob)

    def tree(self, directory: str | Path) -> list[str]:
        """Write the files below a directory, with the modes that they need. Return their paths on the server."""
        from bootstrap.targets import table, tree

        return tree.write(self.pack(table.TREE.name).payload, Path(directory))

    def manifest(self, *targets: str, provider: str | None = None) -> Manifest:
        """Return names, sizes and digests of these targets' output; when none is named, of all but the images."""
        from bootstrap.targets import output, table

        # Personality is left out without a provider, whose limits it has to fit, and a stub without a published URL.
        left_out = {*(() if provider else (table.PERSONALITY,)), *(() if self.bundle_at else (table.STUB,))}
        named = targets or tuple(t.name for t in table.TARGETS if t not in left_out and not t.label)
        return output.manifest([self.pack(target, provider) for target in named])

    def pack(
        self,
        target: str,
        provider: str | None = None,
        beside: Beside = (),
        *,
        url: str | None = None,
        runner_from: Sequence[str] | None = None,
    ) -> Packed:
        """Return the payload of one target with its measures, in bytes; the other methods are made of it.

        target: tree, personality, user-data, cloud-config, nocloud, config-drive or stub. beside: as for user_data().
        url: as for stub(). runner_from: the sources of split(). When neither is given, a carrier is made only if a
        whole bundle does not fit the provider, and the server reports to a collector or the text was published.
        """
        from bootstrap.errors import PayloadError
        from bootstrap.targets import layout, mime, table
        from bootstrap.targets.providers import provider as profile

        profile_name = provider or table.find(target).provider
        published = self.bundle_at if url is None else None
        packed = layout.pack(
            self.rendered,
            target,
            profile(profile_name) if profile_name else None,
            cron_template=self.cron_template,
            beside=mime.read(beside),
            url=published["url"] if published else url,
            sign=self.signer,
            runner_from=self.runner_from if runner_from is None else runner_from,
            published_runner=self.runner_at,
        )
        # The host would fetch the published bundle and refuse it, since the stub pins the digest of this one.
        if packed.url and published and published["sha256"] != packed.payload.digest:
            raise PayloadError(
                f"the published bundle of {self.server} differs from the one rendered now",
                hint="render with the same --deploy-id, values and --sign as it was published with, or publish again",
            )
        return packed
