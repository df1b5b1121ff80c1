"""Settings and connections: everything wrong is said at once, and no key leaves the machine."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from pathlib import Path

import pytest

from shared.connections import EMULATOR_KEY, account_name, read_connection
from shared.errors import SettingsError
from shared.settings import CONNECTIONS, STORAGE_NEEDS, Settings
from shared.specs import SPECS
from tests.unit.builders import ROOT, laptop_settings, sample_values

AZURE = {
    "WEBSITE_SITE_NAME": "func-batchjson",
    "STORAGE__blobServiceUri": "https://stbatchjson.blob.core.windows.net",
    "STORAGE__queueServiceUri": "https://stbatchjson.queue.core.windows.net",
    "STORAGE__tableServiceUri": "https://stbatchjson.table.core.windows.net",
    "SERVICEBUS__fullyQualifiedNamespace": "sb-batchjson.servicebus.windows.net",
    "BATCH__accountEndpoint": "https://ba.westeurope.batch.azure.com",
    "BATCH_POOL_ID": "pool",
    "WORKER_IMAGE": "cr.azurecr.io/worker@sha256:0",
}


def test_sample_file_and_docs_and_specs_name_the_same_settings() -> None:
    """Every setting has a row in the sample and in the docs, and none stands there that is not read."""
    names = {spec.name for spec in SPECS} | set(CONNECTIONS)
    host = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"}
    assert set(sample_values()) == names | host
    documented = set((ROOT / "docs" / "settings.md").read_text().split("`"))
    assert names <= documented, names - documented


def test_every_spec_is_a_field_and_every_field_a_spec() -> None:
    """What is read can be used, and what can be used is read."""
    assert {spec.name.lower() for spec in SPECS} | {"connections", "in_azure"} == {f.name for f in fields(Settings)}


def test_everything_wrong_is_said_in_one_message() -> None:
    """Nobody should have to start five times to hear of five mistakes."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"MAX_QUANTITY": "ten", "INPUT_CONTAINER": "No Good", "EMAIL_TO": "a@b.example"})
    said = str(caught.value)
    for name in ("MAX_QUANTITY", "INPUT_CONTAINER", "EMAIL_FROM", "STORAGE", "SERVICEBUS", "BATCH", "BATCH_POOL_ID"):
        assert name in said


def test_identity_settings_of_azure_are_taken() -> None:
    """The form that infra deploys reads without a complaint."""
    settings = Settings.from_env(AZURE)
    assert settings.in_azure
    assert not settings.on_laptop
    assert account_name(settings.connection("STORAGE")) == "stbatchjson"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STORAGE", "UseDevelopmentStorage=true"),
        ("STORAGE", f"AccountName=x;AccountKey={EMULATOR_KEY};BlobEndpoint=https://x.blob.core.windows.net"),
        ("SERVICEBUS", "Endpoint=sb://127.0.0.1;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true"),
        ("BATCH", "AccountEndpoint=http://127.0.0.1:1;AccountName=a;AccountKey=a2V5"),
        ("EMAIL", "smtp://user:secret@mail.example"),
        ("AzureWebJobsStorage", "UseDevelopmentStorage=true"),
        ("WHATEVER", "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=c2VjcmV0"),
    ],
)
def test_key_in_azure_is_refused_at_start(name: str, value: str) -> None:
    """In Azure there is managed identity and nothing else, not even an emulator's key."""
    with pytest.raises(SettingsError, match=name):
        Settings.from_env(AZURE | {name: value})


@pytest.mark.parametrize(
    "value",
    [
        "DefaultEndpointsProtocol=https;AccountName=prod;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net",
        "AccountName=prod;AccountKey=c2VjcmV0;BlobEndpoint=https://prod.blob.core.windows.net",
        "AccountName=a;AccountKey=c2VjcmV0;BlobEndpoint=http://127.0.0.1.evil.example:10000/a",
    ],
)
def test_key_of_a_real_account_is_refused_on_a_laptop_too(value: str) -> None:
    """A key is for an emulator on this machine; the message does not repeat it."""
    with pytest.raises(SettingsError) as caught:
        read_connection("STORAGE", {"STORAGE": value})
    assert "c2VjcmV0" not in str(caught.value)


def test_secrets_do_not_show_in_repr() -> None:
    """Settings may be logged by accident; keys and signing secrets may not."""
    settings = laptop_settings()
    shown = repr(settings) + repr(settings.connection("STORAGE"))
    assert EMULATOR_KEY not in shown
    assert settings.webhook_secrets[0] not in shown


def test_connection_that_lacks_a_field_names_the_setting() -> None:
    """The error is the name to set."""
    connection = read_connection("BATCH", {"BATCH__x": "y"})
    assert connection
    with pytest.raises(SettingsError, match="BATCH__accountEndpoint"):
        connection.require("accountEndpoint")


def test_absent_connection_is_none() -> None:
    """Optional connections may be left out."""
    assert read_connection("EMAIL", {}) is None


def test_settings_page_exists() -> None:
    """The docs page that the sample is held against is there."""
    assert Path(ROOT / "docs" / "settings.md").exists()


def test_operator_needs_storage_only_to_look_at_runs() -> None:
    """Commands that read the ledger do not ask for Batch or an image."""
    storage = {name: value for name, value in AZURE.items() if name.startswith("STORAGE__")}
    settings = Settings.from_env(storage, STORAGE_NEEDS)
    assert settings.batch_pool_id == ""
    with pytest.raises(SettingsError, match="BATCH"):
        settings.connection("BATCH")


WEBHOOKS = '[{"name": "erp", "url": "https://erp.example.com/", "states": ["failed"], "prefixes": ["orders/"]}]'


def test_webhook_endpoints_get_their_secrets_from_settings_of_their_own() -> None:
    """The simple case comes first; two secrets are a rotation; none of them is ever shown."""
    settings = laptop_settings(WEBHOOKS=WEBHOOKS, WEBHOOK_SECRETS_ERP="whsec_new, whsec_old")
    assert [each.name for each in settings.webhooks] == ["default", "erp"]
    erp = settings.webhooks[1]
    assert erp.secrets == ("whsec_new", "whsec_old")
    assert (erp.wanted.wants("failed", "orders/a"), erp.wanted.wants("lost", "orders/a")) == (True, False)
    assert "whsec" not in repr(settings)


def test_without_webhook_url_only_the_others_are_called() -> None:
    """Either form may be left out."""
    settings = laptop_settings(WEBHOOK_URL="", WEBHOOKS=WEBHOOKS, WEBHOOK_SECRETS_ERP="whsec_x")
    assert [each.name for each in settings.webhooks] == ["erp"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{}", "a JSON array"),
        ("[", "a JSON array"),
        ('[{"name": "a"}]', "url"),
        ('[{"name": "a", "url": "https://x", "secrets": ["whsec_hidden"]}]', "unknown field"),
        ('[{"name": "A b", "url": "https://x"}]', "names"),
        ('[{"name": "default", "url": "https://x"}]', "other than default"),
        ('[{"name": "a", "url": "https://x"}, {"name": "a", "url": "https://y"}]', "a name of its own"),
        ('[{"name": "a", "url": "ftp://x"}]', "https"),
        ('[{"name": "a", "url": "https://x", "states": ["submitted"]}]', "failed, lost, rejected, succeeded"),
        (WEBHOOKS, "WEBHOOK_SECRETS_ERP is missing"),
    ],
)
def test_bad_webhooks_are_refused_at_start(value: str, said: str) -> None:
    """What is wrong is said, and a secret in the wrong place is not repeated."""
    with pytest.raises(SettingsError, match=said) as caught:
        laptop_settings(WEBHOOKS=value)
    assert "whsec" not in str(caught.value)


@pytest.mark.parametrize("name", ["WEBHOOK_SECRETS", "WEBHOOK_SECRETS_ERP", "EMAIL_TO"])
def test_unresolved_key_vault_reference_is_refused_at_start(name: str) -> None:
    """App Service leaves the reference where it cannot read the secret: it would sign with that."""
    reference = "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/hook)"
    endpoint = {"WEBHOOKS": WEBHOOKS, "WEBHOOK_SECRETS_ERP": "whsec_x"}
    with pytest.raises(SettingsError, match=rf"{name} is a Key Vault reference .* Secrets User"):
        Settings.from_env(AZURE | endpoint | {name: reference})


def test_key_vault_reference_keeps_no_operator_from_reading() -> None:
    """Settings that were fetched from the app hold references; the command needs no secret."""
    reference = "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/hook)"
    settings = laptop_settings(WEBHOOKS=WEBHOOKS, WEBHOOK_SECRETS_ERP=reference)
    assert [each.name for each in settings.webhooks] == ["default", "erp"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"EMAIL_ROUTES": "x"}, "a JSON array"),
        ({"EMAIL_ROUTES": '[{"name": "a", "to": []}]'}, "mail addresses"),
        ({"EMAIL_ROUTES": '[{"name": "a", "to": ["private-part"]}]'}, "mail addresses"),
        ({"EMAIL_ROUTES": '[{"name": "default", "to": ["a@b"]}]'}, "other than default"),
        ({"EMAIL_ROUTES": '[{"name": "a", "to": ["a@b"], "states": ["claimed"]}]'}, "failed, lost, rejected"),
        ({"EMAIL_ROUTES": '[{"name": "a", "to": ["a@b"]}]', "EMAIL_FROM": "", "EMAIL_TO": ""}, "EMAIL_ROUTES is set"),
        ({"EMAIL_DIGEST_FILES": "9"}, "EMAIL_DIGEST_MINUTES is missing"),
        ({"EMAIL_QUIET_HOURS": "22-6"}, "22:00-06:00"),
        ({"EMAIL_QUIET_HOURS": "24:00-06:00"}, "22:00-06:00"),
    ],
)
def test_bad_mail_settings_are_refused_at_start(values: dict[str, str], said: str) -> None:
    """What is wrong is said, and no address is repeated."""
    with pytest.raises(SettingsError, match=said) as caught:
        laptop_settings(**values)
    assert "private-part" not in str(caught.value)


@pytest.mark.parametrize(
    ("hours", "quiet", "loud"),
    [
        ("22:00-06:00", ["22:00", "23:59", "00:00", "05:59"], ["06:00", "12:00", "21:59"]),
        ("12:00-13:30", ["12:00", "13:29"], ["11:59", "13:30", "00:00"]),
        ("", [], ["00:00", "12:00"]),
        ("07:00-07:00", [], ["07:00"]),
    ],
)
def test_quiet_hours_may_go_over_midnight(hours: str, quiet: list[str], loud: list[str]) -> None:
    """The first minute is in it, the last one is not; UTC, wherever the machine is."""
    span = laptop_settings(EMAIL_QUIET_HOURS=hours).email_quiet_hours
    for moments, covered in ((quiet, True), (loud, False)):
        for moment in moments:
            assert span.covers(datetime.fromisoformat(f"2026-03-14T{moment}:00+00:00")) is covered
    assert span.covers(datetime.fromisoformat("2026-03-14T23:00:00+01:00")) is (hours == "22:00-06:00")


def test_mail_routes_add_to_those_who_get_everything() -> None:
    """EMAIL_TO first, or the routes alone."""
    routes = '[{"name": "pager", "to": ["ops@x.invalid"], "states": ["failed"], "digest": false}]'
    settings = laptop_settings(EMAIL_ROUTES=routes)
    assert [each.name for each in settings.audiences] == ["default", "pager"]
    assert [each.name for each in laptop_settings(EMAIL_ROUTES=routes, EMAIL_TO="").audiences] == ["pager"]
