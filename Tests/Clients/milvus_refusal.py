"""What a call through pymilvus that is refused says."""

import pytest
from pymilvus import MilvusException


def refused(code, call, *arguments, **named):
    """The message of the exception that a call must raise."""
    with pytest.raises(MilvusException) as caught:
        call(*arguments, **named)
    assert caught.value.code == code, caught.value
    return caught.value.message
