from __future__ import annotations

import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from operators.core.addresses import HIDDEN, redacted, redacted_text, redacted_value
from operators.core.base import ItemError
from pipeline.terminal.errors import RunFailed, UsageError

CLEAN = "https://host/a/v.mp4"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"

SIGNED = {
    "AWS 4": "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"
    "&X-Amz-Date=20260101T000000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Security-Token=SECRET"
    "&X-Amz-Signature=SECRET&x-id=GetObject&response-content-type=video%2Fmp4",
    "AWS 2": "AWSAccessKeyId=AKIA&Signature=SECRET%3D&Expires=1700000000",
    "GCS 4": "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=me%40p.iam&X-Goog-Date=1&X-Goog-Signature=SECRET",
    "GCS 2": "GoogleAccessId=me%40p.iam&Expires=1&Signature=SECRET",
    "Azure": "sv=2022-11-02&st=2026-01-01&se=2026-01-02&sr=b&sp=r&spr=https&sig=SECRET%3D",
    "CloudFront": "Expires=1&Policy=SECRET&Signature=SECRET~&Key-Pair-Id=K1",
    "Akamai": "hdnts=exp=1~acl=/*~hmac=5ECRE7",
    "Aliyun": "OSSAccessKeyId=LTAI&Expires=1&Signature=SECRET&security-token=SECRET",
    "Aliyun 4": "x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential=SECRET&x-oss-date=1&x-oss-signature=SECRET",
    "Aliyun CDN": "auth_key=1700000000-0-0-SECRET",
    "Tencent": "q-sign-algorithm=sha1&q-ak=SECRET&q-sign-time=1;2&q-key-time=1;2&q-header-list=&q-signature=SECRET",
    "Tencent CDN": "sign=SECRET&t=1700000000",
    "Discord": "ex=1&is=2&hm=SECRET",
    "Google's CDN": "URLPrefix=SECRET&Expires=1&KeyName=k&Signature=SECRET",
    "nginx": "md5=SECRET&expires=1",
    "nginx, short": "st=SECRETSECRETSECRET&e=1",
    "Cloudflare": "verify=1-SECRET",
    "Bunny": "bcdn_token=SECRET&token_path=%2F&expires=1",
    "token": "token=SECRET&expires=1",
    "names": "access_token=SECRET&api-key=SECRET&X-API-Key=SECRET&key=SECRET&auth=SECRET&password=SECRET&pwd=SECRET",
    "more names": "client_secret=SECRET&sig=SECRET&signature=SECRET&sessionid=SECRET&subscription-key=SECRET",
    "keys of functions and drives": "code=SECRETSECRET0123&resourcekey=SECRET&passkey=SECRET&authz=SECRET",
    "escaped name": "X%2DAmz%2DSignature=SECRET",
    "JWT": f"q={JWT}",
    "vendor's key": "q=sk-proj-SECRET0SECRET0SECRET",
}


@pytest.mark.parametrize("query", SIGNED.values(), ids=SIGNED)
def test_a_signature_goes_and_what_names_the_video_stays(query: str) -> None:
    assert redacted(f"{CLEAN}?{query}") == CLEAN
    assert redacted(f"{CLEAN}?versionId=3&{query}") == f"{CLEAN}?versionId=3"
    assert redacted(f"{CLEAN}?{query}&id=5") == f"{CLEAN}?id=5"


@pytest.mark.parametrize(
    ("uri", "clean"),
    [
        ("https://alice:SECRET@host/v.mp4", "https://alice@host/v.mp4"),
        ("https://alice:SEC/RET@host/v.mp4", "https://alice@host/v.mp4"),
        ("https:///alice:SECRET@host/v.mp4?sig=SECRET", "https:///alice@host/v.mp4"),
        ("https://alice:SEC@RET@host:8443/v.mp4", "https://alice@host:8443/v.mp4"),
        ("https://:SECRET@[::1]:80/v.mp4", "https://[::1]:80/v.mp4"),
        ("https://ghp_SECRETSECRETSECRETSECRET@host/v.mp4", "https://host/v.mp4"),
        ("https://SECRET:x-oauth-basic@host/v.mp4", "https://host/v.mp4"),
        ("https://alice%3ASECRET@host/v.mp4", "https://alice@host/v.mp4"),
        ("ftp://alice:SECRET@host/v.mp4", "ftp://alice@host/v.mp4"),
        ("s3://AKIA:SECRET@bucket/v.mp4?x", "s3://AKIA@bucket/v.mp4?x"),
        ("zip://v.mp4::https://a:SECRET@host/z.zip?token=SECRET", "zip://v.mp4::https://a@host/z.zip"),
        ("https://host/hdnts=exp=1~acl=/*~hmac=5ec7e7/v.mp4", "https://host/v.mp4"),
        ("https://host/v.mp4;jsessionid=SECRET?id=1", "https://host/v.mp4?id=1"),
        (f"https://host/{JWT}/v.mp4", "https://host/redacted/v.mp4"),
        ("https://host/v.mp4#access_token=SECRET", "https://host/v.mp4"),
        ("https://host/?u=https%3A%2F%2Fb%2Fv.mp4%3Fsig%3DSECRET&n=2", "https://host/?u=https://b/v.mp4&n=2"),
    ],
)
def test_secrets_elsewhere_in_a_url_go_too(uri: str, clean: str) -> None:
    assert redacted(uri) == clean
    assert redacted(clean) == clean


@pytest.mark.parametrize(
    "uri",
    [
        "/videos/a?token=1#b@c:d.mp4",
        "s3://bucket/a?token=1&sig=2.mp4",
        "memory://a/b.mp4",
        "abfss://container@account.dfs.core.windows.net/v.mp4",
        "https://host:8443/a b/ü%20.mp4?id=5&t=10&v=dQw4w9WgXcQ#t=1,2",
        "https://host/get?id=1AbCdEfGhIjKlMnOpQrStUvWxYz012345",
        "https://host/get?asset=5f0c7a52-9c1e-4b7e-8a53-1f2d3c4b5a69&session=3&page_token=a",
        "https://host/get?key=folder/v.mp4",
        "https://host/get?sp=1&st=2&e=3&exp=4&policy=5&md5=0cc175b9c0f1b6a831c399e269772661",
        "https://host/a:b@c.mp4",
        "https://[::1]:80/a@b.mp4",
        "https://host/v.mp4?x-oss-process=video/snapshot",
        "https://host/?",
        "https://host/v.mp4?download",
        "https://host/sk-learn-an-introduction-lecture-01.mp4",
    ],
)
def test_an_ordinary_uri_is_its_own_identity(uri: str) -> None:
    assert redacted(uri) == uri


def test_long_values_of_unknown_parameters_are_hidden_and_stay_different() -> None:
    one, other = (redacted(f"https://host/v.mp4?q={c}9f86d081884c7d659a2feaa0c55ad015") for c in "ab")
    assert one != other and "9f86" not in one + other
    assert redacted(one) == one


_TEXT = st.text(st.sampled_from("ab1:/?#@&;=%.~-_[] ü\n"), max_size=30)


@given(_TEXT, st.sampled_from(["https", "s3", "ftp", "zip", "x::https"]))
@example(":p@h/?sig=1&token", "https")
def test_redacting_twice_is_redacting_once(rest: str, scheme: str) -> None:
    once = redacted(f"{scheme}://{rest}")
    assert redacted(once) == once
    text = redacted_text(f"see {scheme}://{rest}")
    assert redacted_text(text) == text


def test_texts_of_others_lose_the_secrets_of_all_their_urls() -> None:
    said = (
        "ClientResponseError: 403, url='https://alice:SECRET@host/v.mp4?X-Amz-Signature=SECRET' (see "
        'https://host/a?token=SECRET). "http://a:SEC\'RET@h": Max retries exceeded with url: /v.mp4?sig=SECRET&id=5 '
        "(key hf_SECRETSECRETSECRETSECRET), {'Authorization': 'Bearer SECRET'}"
    )
    clean = redacted_text(said)
    assert "SEC" not in clean
    assert "url='https://alice@host/v.mp4' (see https://host/a)." in clean
    assert f"/v.mp4?sig={HIDDEN}&id=5 (key {HIDDEN})" in clean
    assert redacted_text("nothing: https://host/v.mp4, and a=b") == "nothing: https://host/v.mp4, and a=b"


@pytest.mark.parametrize(
    "said",
    [
        "X-Api-Key: SECRET0SECRET",
        '{"api_key": "SECRET0SECRET", "model": "m"}',
        "Set-Cookie: SECRET0SECRET; path=/",
        "password=SECRET0SECRET&x",
        "env: MY_TOKEN='SECRET0SECRET'",
        "-----BEGIN RSA PRIVATE KEY-----\nSECRET0SECRET\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_keys_that_a_message_names_are_hidden(said: str) -> None:
    assert "SECRET0SECRET" not in redacted_text(said) and HIDDEN in redacted_text(said)
    assert redacted_text(redacted_text(said)) == redacted_text(said)


def test_ordinary_words_stay() -> None:
    for said in (
        "the password: swordfish",
        "one token: hello",
        "a = secret",
        "tokens=5",
        "public/keys",
        "cookies = 12",
    ):
        assert redacted_text(said) == said


def test_values_are_redacted_at_every_depth_and_settings_are_not() -> None:
    value = {"base_url": "https://a:SECRET@h/v1?key=SECRET", "n": [1, None, "http://h/?token=SECRET"]}
    assert redacted_value(value) == {"base_url": "https://a@h/v1", "n": [1, None, "http://h/"]}
    assert redacted_value({"api_key": "0123456789abcdef0123", "eos_token": "</s>", "max_tokens": 5}) == {
        "api_key": HIDDEN,
        "eos_token": "</s>",
        "max_tokens": 5,
    }


def test_no_error_of_ours_carries_a_secret() -> None:
    for error in (
        UsageError("cannot read https://a:SECRET@h/v.mp4?sig=SECRET"),
        RunFailed("cannot read https://a:SECRET@h/v.mp4?sig=SECRET"),
        pickle.loads(pickle.dumps(ItemError("storage", "cannot read https://a:SECRET@h/v.mp4?sig=SECRET"))),
    ):
        assert "cannot read https://a@h/v.mp4" in str(error) and "SECRET" not in repr(error)
