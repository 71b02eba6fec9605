import pytest

from movoice_box.errors import ConflictError, InputError, NotFoundError
from movoice_box.store import owners
from tests.builders import Office

PASSWORD = "correct horse"


async def _add_user(office: Office, name: str = "asha") -> None:
    password_hash = owners.hash_password(PASSWORD)
    await office.database.write(
        lambda db: owners.add_user(db, name, password_hash, office.clock.now())
    )


async def test_the_set_up_token_stays_the_same_until_an_owner_exists(office: Office) -> None:
    token = await office.database.write(owners.setup_token)
    assert token is not None
    assert await office.database.write(owners.setup_token) == token
    await _add_user(office)
    assert await office.database.write(owners.setup_token) is None
    async with office.database.reading() as db:
        assert not await owners.is_setup_token(db, token)


def test_a_password_is_known_by_its_hash_alone() -> None:
    password_hash = owners.hash_password(PASSWORD)
    assert owners.is_password(PASSWORD, password_hash)
    assert not owners.is_password("another horse", password_hash)
    assert not owners.is_password(PASSWORD, None)


def test_a_short_password_is_refused() -> None:
    with pytest.raises(InputError, match="at least 10"):
        owners.hash_password("short")


async def test_a_name_is_taken_whatever_its_capitals(office: Office) -> None:
    await _add_user(office, "asha")
    with pytest.raises(ConflictError, match="Asha"):
        await _add_user(office, "Asha")


async def test_a_session_ends_after_two_weeks_or_at_log_out(office: Office) -> None:
    await _add_user(office)
    now = office.clock.now()
    token = await office.database.write(lambda db: owners.open_session(db, "asha", now))
    async with office.database.reading() as db:
        assert await owners.find_session_user(db, token, now) == "asha"
        later = now + owners.SESSION_LIFETIME * 1.01
        assert await owners.find_session_user(db, token, later) is None
    await office.database.write(lambda db: owners.close_session(db, token))
    async with office.database.reading() as db:
        assert await owners.find_session_user(db, token, now) is None


async def test_a_key_works_until_it_is_revoked(office: Office) -> None:
    now = office.clock.now()
    key = await office.database.write(lambda db: owners.create_api_key(db, "crm", now))
    async with office.database.reading() as db:
        found = await owners.find_api_key(db, key)
        assert found is not None
        assert await owners.find_api_key(db, key + "x") is None
    await office.database.write(lambda db: owners.remove_api_key(db, found.id))
    async with office.database.reading() as db:
        assert await owners.find_api_key(db, key) is None
    with pytest.raises(NotFoundError):
        await office.database.write(lambda db: owners.remove_api_key(db, found.id))
