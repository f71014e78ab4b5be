"""Settings: where they come from, and that every fault is told at once in a sentence."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cqrs.errors import SettingsFault
from cqrs.settings import Settings, load_settings

KEY = "0123456789abcdef0123456789abcdef"
OUTSIDE = {"HOST": "0.0.0.0", "TRUSTED_HOSTS": "console.example.org"}


def load(root: Path, environ: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    return load_settings({"SECRET_KEY": KEY, **(environ or {})}, root=root, overrides=overrides)


def faults(root: Path, environ: Mapping[str, str], **overrides: object) -> list[str]:
    with pytest.raises(SettingsFault) as caught:
        load(root, environ, **overrides)
    return list(caught.value.faults)


def test_without_any_setting_the_console_is_a_local_demo(tmp_path: Path) -> None:
    settings = load_settings({}, root=tmp_path)
    assert settings.database_url == settings.read_database_url == "sqlite:///instance/projectionist.db"
    assert (settings.host, settings.port, settings.on_loopback) == ("127.0.0.1", 5000, True)
    assert settings.domains == ("cqrs.example:domain",)
    assert settings.demo
    assert settings.demo_trickle
    assert settings.trusted_hosts == ("localhost", "127.0.0.1", "[::1]")
    assert not settings.read_only


def test_the_environment_wins_over_the_file_and_overrides_win_over_both(tmp_path: Path) -> None:
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance/config.toml").write_text('PORT = 5001\nhost = "localhost"\nENVIRONMENT = "staging"\n')
    settings = load(tmp_path, {"PORT": "5002", "ENVIRONMENT": "test"}, ENVIRONMENT="ours")
    known = {name: settings.sources.get(name) for name in ("HOST", "PORT", "ENVIRONMENT", "READ_ONLY")}
    assert known == {"HOST": "config.toml", "PORT": "environment", "ENVIRONMENT": "the program", "READ_ONLY": None}
    assert (settings.host, settings.port, settings.environment) == ("localhost", 5002, "ours")


def test_an_empty_variable_is_an_unset_one(tmp_path: Path) -> None:
    assert load(tmp_path, {"PORT": "", "HOST": " "}).port == 5000


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    told = faults(
        tmp_path,
        {"PORT": "eighty", "DEMO": "perhaps", "LOG_FORMAT": "xml", "PUBLIC_URL": "console", "CQRS_DOMAINS": "shop"},
    )
    assert len(told) == 5
    for name in ("PORT", "DEMO", "LOG_FORMAT", "PUBLIC_URL", "CQRS_DOMAINS"):
        assert any(sentence.startswith(name) for sentence in told), name
    assert all(sentence.endswith((".", "domain.")) for sentence in told)


@pytest.mark.parametrize("port", ["-1", "65536", "1.5", "٣", "0x50"])
def test_a_port_is_a_whole_number(tmp_path: Path, port: str) -> None:
    assert faults(tmp_path, {"PORT": port}) == [f"PORT={port} must be a whole number from 0 to 65535."]


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/db", "sqlite3://", "postgres:pw@host"])
def test_a_bad_database_url_is_a_fault_that_does_not_repeat_it(tmp_path: Path, url: str) -> None:
    (told,) = faults(tmp_path, {"DATABASE_URL": url})
    assert told.startswith("DATABASE_URL")
    assert url not in told


def test_a_file_with_a_broken_line_or_a_strange_name_is_a_fault(tmp_path: Path) -> None:
    config = tmp_path / "instance/config.toml"
    config.parent.mkdir()
    config.write_text("DATABASE_ULR = 'x'\n")
    assert faults(tmp_path, {}) == ["There is no setting DATABASE_ULR: check its spelling."]
    config.write_text("PORT = \n")
    (told,) = faults(tmp_path, {})
    assert "config.toml cannot be read" in told


def test_links_for_others_name_the_first_trusted_host(tmp_path: Path) -> None:
    settings = load(tmp_path, OUTSIDE)
    assert settings.trusted_hosts[0] == "console.example.org"
    assert settings.address == "http://console.example.org:5000"
    assert not settings.on_loopback
    public = load(tmp_path, {"HOST": "0.0.0.0", "PUBLIC_URL": "https://ops.example.org/"})
    assert public.trusted_hosts[0] == "ops.example.org"
    assert public.public_url == "https://ops.example.org"


def test_without_trusted_hosts_only_loopback_names_and_the_address_itself_are_trusted(tmp_path: Path) -> None:
    assert load(tmp_path, {"HOST": "0.0.0.0"}).trusted_hosts == ("localhost", "127.0.0.1", "[::1]")
    own = load(tmp_path, {"HOST": "10.1.2.3"})
    assert own.trusted_hosts == ("10.1.2.3", "localhost", "127.0.0.1", "[::1]")
    assert own.address == "http://10.1.2.3:5000"


@pytest.mark.parametrize("name", ["*", "a b", "https://console.example.org", "console.example.org:8080"])
def test_a_trusted_host_is_a_name(tmp_path: Path, name: str) -> None:
    (told,) = faults(tmp_path, {"TRUSTED_HOSTS": f"console.example.org,{name}"})
    assert told == f"TRUSTED_HOSTS has {name!r}: write names without a port, such as console.example.org."


def test_a_sign_in_header_needs_trusted_proxies(tmp_path: Path) -> None:
    (told,) = faults(tmp_path, {"AUTH_HEADER": "X-User"})
    assert "TRUSTED_PROXIES" in told
    assert faults(tmp_path, {"TRUSTED_PROXIES": "proxy.local"})
    settings = load(tmp_path, {"AUTH_HEADER": "X-User", "TRUSTED_PROXIES": "10.0.0.0/8, ::1"})
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1")


def test_demo_data_come_only_with_the_default_file_and_the_example(tmp_path: Path) -> None:
    other = {"CQRS_DOMAINS": "shop:domain"}
    assert not load(tmp_path, {"DATABASE_URL": "sqlite:///instance/mine.db"}).demo
    assert load(tmp_path, {"DATABASE_URL": "sqlite:///instance/mine.db", "DEMO": "1"}).demo
    assert not load(tmp_path, other).demo
    assert "DEMO=1" in faults(tmp_path, {**other, "DEMO": "1"})[0]
    assert not load(tmp_path, {"DEMO_TRICKLE": "0"}).demo_trickle
    assert not load(tmp_path, {"DEMO": "0", "DEMO_TRICKLE": "1"}).demo_trickle
    assert not load(tmp_path, {"ENVIRONMENT": "production", "DEMO": "1"}).demo_trickle


def test_another_instance_directory_brings_its_own_default_database(tmp_path: Path) -> None:
    settings = load(tmp_path, INSTANCE=str(tmp_path / "elsewhere"))
    assert settings.database_url == "sqlite:///elsewhere/projectionist.db"
    assert settings.demo


def test_the_secret_key_is_made_once_readable_only_by_its_owner(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_settings({}, root=tmp_path).secret_key, range(16)))
    (key,) = keys
    file = tmp_path / "instance/secret_key"
    assert len(key) == 64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["secret_key"]


@pytest.mark.parametrize("key", ["k3y", "a" * 64, "CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET"])
def test_a_weak_secret_key_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    (told,) = faults(tmp_path, {"SECRET_KEY": key})
    assert told.startswith("SECRET_KEY")
    assert key not in told


def test_an_instance_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    instance.symlink_to(tmp_path / "gone/instance", target_is_directory=True)
    with pytest.raises(SettingsFault, match="cannot be kept"):
        load_settings({"DATABASE_URL": "sqlite:///x.db"}, root=tmp_path)
    instance.unlink()
    instance.write_text("a file is in the way")
    for environ in ({}, {"SECRET_KEY": KEY}):
        with pytest.raises(SettingsFault, match="is in the way: a folder of that name is needed") as caught:
            load_settings(environ, root=tmp_path)
        assert len(caught.value.faults) == 1


def test_secrets_do_not_show_in_the_representation(tmp_path: Path) -> None:
    shown = repr(load(tmp_path, {"DATABASE_URL": "postgresql://me:hush@host/db"}))
    assert "hush" not in shown
    assert KEY not in shown


def test_control_characters_in_a_setting_are_refused(tmp_path: Path) -> None:
    assert faults(tmp_path, {"ENVIRONMENT": "a\nb"}) == ["ENVIRONMENT must not hold line breaks or control characters."]
