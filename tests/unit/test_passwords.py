"""Hashes of passwords."""

from __future__ import annotations

import io

import pytest

from core.cli import main
from core.errors import ConfigError
from core.passwords import hash_password, is_password


def test_only_the_right_password_fits():
    stored = hash_password("correct horse battery")
    assert "correct" not in stored
    assert is_password("correct horse battery", stored)
    assert not is_password("correct horse batterx", stored)
    assert not is_password("", stored)


def test_equal_passwords_have_different_hashes():
    assert hash_password("correct horse battery") != hash_password("correct horse battery")


def test_a_short_password_is_refused():
    with pytest.raises(ConfigError, match="too short"):
        hash_password("123456789")


@pytest.mark.parametrize(
    "stored", ["", "plain text", "md5:1:2:3:4:5", "scrypt:x:8:1:AA==:AA==", "scrypt:3:8:1:AA==:AA=="]
)
def test_what_is_no_hash_is_told(stored):
    with pytest.raises(ConfigError, match="cannot be read"):
        is_password("anything at all", stored)


def test_the_command_reads_the_password_from_its_input(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("пароль с пробелом\n"))
    assert main(["password"]) == 0
    assert is_password("пароль с пробелом", capsys.readouterr().out.strip())
