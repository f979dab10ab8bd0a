"""Real servers for channels, each once for all tests of this folder."""

import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from include.connection import Connection
from tests.dovecot import Mailbox, program, server


@pytest.fixture(scope="package")
def s3() -> Iterator[tuple[Any, Connection]]:
    """A client and the connection of an S3 with the bucket `voices`."""
    bucket = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    bucket.start()
    try:
        host, port = bucket.get_host_and_port()
        extra = {"endpoint_url": f"http://{host}:{port}", "region_name": "ap-northeast-2"}
        client = boto3.client("s3", aws_access_key_id="a", aws_secret_access_key="b", **extra)
        client.create_bucket(Bucket="voices", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
        yield client, Connection("aws", login="a", password="b", extra=extra)
        client.close()
    finally:
        bucket.stop()


@pytest.fixture(scope="package")
def dovecot() -> Iterator[Mailbox]:
    """A real IMAP server. Where none is installed the test is skipped, but never in CI."""
    if program() is None:
        if os.environ.get("CI"):
            pytest.fail("Dovecot is not installed")
        pytest.skip("Dovecot is not installed")
    with server() as mailbox:
        yield mailbox
