"""What can be set from outside, checked once at start: all faults together, one sentence each."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from cqrs.errors import SettingsFault
from cqrs.secret_key import kept_key, weakness
from cqrs.setting_values import SettingValues

EXAMPLE = "cqrs.example:domain"
PRODUCTION = "production"
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
#: Listening on all addresses of a machine, whatever it is called.
ANY_ADDRESS = ("0.0.0.0", "::", "[::]")
HOST_NAME = re.compile(r"[\w.-]+|\[?[0-9A-Fa-f:.]+\]?")
FROM_FILE, FROM_ENVIRONMENT = "config.toml", "environment"
DATABASES = ("sqlite", "postgres", "postgresql", "postgresql+psycopg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Paths are absolute; a relative SQLite path in a URL starts at `root`."""

    root: Path
    instance: Path
    #: May hold passwords.
    database_url: str = field(repr=False)
    read_database_url: str = field(repr=False)
    domains: tuple[str, ...]
    secret_key: str = field(repr=False)
    host: str
    port: int
    public_url: str | None
    #: Host names requests may carry, without port.
    trusted_hosts: tuple[str, ...]
    #: Networks in CIDR notation whose X-Forwarded-* and AUTH_HEADER are believed.
    trusted_proxies: tuple[str, ...]
    auth_header: str | None
    read_only: bool
    environment: str
    demo: bool
    demo_trickle: bool
    alert_webhook_url: str | None
    log_format: str
    #: Where those that were given came from, by the names of the environment; all others have their defaults.
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def on_loopback(self) -> bool:
        return is_loopback(self.host)

    @property
    def address(self) -> str:
        """Where people find the console, as far as settings tell: not which port was free when PORT is 0."""
        if self.public_url:
            return self.public_url
        host = self.host if self.on_loopback else self.trusted_hosts[0]
        bare = host.strip("[]")
        return f"http://[{bare}]:{self.port}" if ":" in bare else f"http://{bare}:{self.port}"

    @property
    def in_production(self) -> bool:
        return self.environment == PRODUCTION


def setting_names() -> frozenset[str]:
    """The names as the environment spells them."""
    internal = {"root": None, "sources": None, "domains": "CQRS_DOMAINS"}
    names = (internal.get(found.name, found.name.upper()) for found in fields(Settings))
    return frozenset(name for name in names if name)


def load_settings(environ: Mapping[str, str], *, root: Path, overrides: Mapping[str, object] | None = None) -> Settings:
    """Overrides win over the environment, which wins over `config.toml` in the instance directory.

    Makes the instance directory and, where none is given, the secret key. Raises SettingsFault with every fault.
    """
    root = root.resolve()
    given = {**{name: value for name, value in environ.items() if value.strip()}, **(overrides or {})}
    instance = root / str(given.get("INSTANCE", "instance"))
    if instance.exists() and not instance.is_dir():
        raise SettingsFault([f"{instance} is in the way: a folder of that name is needed. Move it elsewhere."])
    faults: list[str] = []
    known = setting_names()
    file = _read_file(instance / "config.toml", faults)
    unknown = [name for name in (*file, *(overrides or {})) if name not in known]
    faults += [f"There is no setting {name}: check its spelling." for name in unknown]
    values = SettingValues({**file, **given}, faults)
    sources = dict.fromkeys(file, FROM_FILE) | dict.fromkeys(given, FROM_ENVIRONMENT) | _given_by_code(overrides)
    settings = _build(values, root, instance, {name: source for name, source in sources.items() if name in known})
    if faults:
        raise SettingsFault(faults)
    return settings


def _read_file(path: Path, faults: list[str]) -> dict[str, object]:
    try:
        return {name.upper(): value for name, value in tomllib.loads(path.read_text("utf-8")).items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        faults.append(f"{path} cannot be read: {error.strerror}.")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        faults.append(f"{path} cannot be read: {error}.")
    return {}


def _given_by_code(overrides: Mapping[str, object] | None) -> dict[str, str]:
    return dict.fromkeys(overrides or {}, "the program")


def _build(values: SettingValues, root: Path, instance: Path, sources: Mapping[str, str]) -> Settings:
    inside = instance.is_relative_to(root)
    default_url = f"sqlite:///{(instance.relative_to(root) if inside else instance).as_posix()}/projectionist.db"
    database_url = _database_url(values, "DATABASE_URL", default_url)
    read_database_url = _database_url(values, "READ_DATABASE_URL", "") or database_url
    host = values.text("HOST", "127.0.0.1")
    public_url = _web_address(values, "PUBLIC_URL")
    proxies = _networks(values)
    environment = values.text("ENVIRONMENT", "development")
    domains = _domains(values)
    demo = _demo(values, domains, default=database_url == default_url and environment != PRODUCTION)
    return Settings(
        root=root,
        instance=instance,
        database_url=database_url,
        read_database_url=read_database_url,
        domains=domains,
        secret_key=_secret_key(values, instance),
        host=host,
        port=values.integer("PORT", 5000, 0, 65_535),
        public_url=public_url,
        trusted_hosts=_trusted_hosts(values, host, public_url),
        trusted_proxies=proxies,
        auth_header=_auth_header(values, proxies),
        read_only=values.flag("READ_ONLY", False),
        environment=environment,
        demo=demo,
        demo_trickle=values.flag("DEMO_TRICKLE", True) and demo and environment != PRODUCTION,
        alert_webhook_url=_web_address(values, "ALERT_WEBHOOK_URL"),
        log_format=values.choice("LOG_FORMAT", ("text", "json")),
        sources=sources,
    )


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _database_url(values: SettingValues, name: str, default: str) -> str:
    url = values.text(name, default)
    scheme, separator, rest = url.partition("://")
    if url and not (separator and rest and scheme in DATABASES):
        # The value is not repeated: it may hold a password.
        values.fault(
            f"{name} is not the address of a database we know. Write sqlite:///path/to/file.db or postgresql://…"
        )
    return url


def _domains(values: SettingValues) -> tuple[str, ...]:
    names = values.list("CQRS_DOMAINS", (EXAMPLE,))
    for name in names:
        if not re.fullmatch(r"[\w.]+:\w+", name):
            values.fault(f"CQRS_DOMAINS has {name!r}: write module:name, such as {EXAMPLE}.")
    return names


def _demo(values: SettingValues, domains: tuple[str, ...], *, default: bool) -> bool:
    only_example = domains == (EXAMPLE,)
    demo = values.flag("DEMO", default and only_example)
    if demo and not only_example:
        values.fault(f"DEMO=1 loads the demo data of {EXAMPLE}, and only works with that domain alone.")
    return demo


def _secret_key(values: SettingValues, instance: Path) -> str:
    key = values.text("SECRET_KEY", "")
    source = "SECRET_KEY"
    if not key:
        source = str(instance / "secret_key")
        try:
            instance.mkdir(parents=True, exist_ok=True)
            key = kept_key(instance / "secret_key")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            values.fault(f"The secret key cannot be kept in {source}: {reason}. Make {instance} writable.")
            return ""
    problem = weakness(key)
    if problem:
        values.fault(f"{source} {problem}. Make one: python -c 'import secrets; print(secrets.token_hex(32))'")
    return key


def _trusted_hosts(values: SettingValues, host: str, public_url: str | None) -> tuple[str, ...]:
    hosts = values.list("TRUSTED_HOSTS", ())
    public_host = urlsplit(public_url or "").hostname
    for name in hosts:
        if not HOST_NAME.fullmatch(name):
            values.fault(f"TRUSTED_HOSTS has {name!r}: write names without a port, such as console.example.org.")
    own = () if is_loopback(host) or host in ANY_ADDRESS else (host,)
    return tuple(dict.fromkeys((*hosts, *([public_host] if public_host else []), *own, *LOOPBACK_NAMES)))


def _networks(values: SettingValues) -> tuple[str, ...]:
    networks = values.list("TRUSTED_PROXIES", ())
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            values.fault(f"TRUSTED_PROXIES has {network!r}: write an address or network, such as 10.0.0.0/8.")
    return networks


def _auth_header(values: SettingValues, proxies: tuple[str, ...]) -> str | None:
    header = values.text("AUTH_HEADER", "")
    if header and not re.fullmatch(r"[A-Za-z0-9-]+", header):
        values.fault(f"AUTH_HEADER={header!r} is not the name of a header.")
    if header and not proxies:
        values.fault("AUTH_HEADER is believed only from a proxy: name its address in TRUSTED_PROXIES.")
    return header or None


def _web_address(values: SettingValues, name: str) -> str | None:
    url = values.text(name, "")
    if not url:
        return None
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        whole = False
    if not whole:
        values.fault(f"{name} is not a web address: write it with https:// and a host.")
    return url.rstrip("/")
