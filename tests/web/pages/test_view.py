from litestar.datastructures.multi_dicts import MultiDict

from movoice_box.web.pages.view import Place


def test_a_place_knows_the_way_back_and_on() -> None:
    query = MultiDict([("state", "failed"), ("cursor", "50"), ("cursor", "100"), ("x", "y")])
    place = Place.of("/rows", query, ["state", "outcome"])
    assert (place.cursor, place.number) == ("100", 3)
    assert place.here == "/rows?state=failed&cursor=50&cursor=100"
    assert place.previous == "/rows?state=failed&cursor=50"
    assert place.next("150") == "/rows?state=failed&cursor=50&cursor=100&cursor=150"
    assert place.next(None) is None
    assert place.filtered(state=None) == "/rows"
    assert place.part("/part") == "/rows/part?state=failed&cursor=50&cursor=100"


def test_the_first_page_has_no_way_back() -> None:
    place = Place.of("/rows", MultiDict(), ["state"])
    assert (place.cursor, place.number, place.previous, place.here) == (None, 1, None, "/rows")
