"""What happens to connections when people and programs come and go."""

from stemfield.renderer.drivers.connections import ConnectionKeeper

A, B = ("M+000", "card:1"), ("M+030", "player:in")


def everything(_name):
    return True


def test_wishes_are_made_once():
    keeper = ConnectionKeeper()
    keeper.want({A})
    assert keeper.missing(set(), everything) == {A}
    keeper.want({A})
    assert keeper.missing({A}, everything) == set()


def test_what_the_user_disconnects_stays_disconnected():
    keeper = ConnectionKeeper()
    keeper.want({A})
    keeper.missing({A}, everything)
    for _ in range(3):
        assert keeper.missing(set(), everything) == set()
        keeper.want({A})  # the configuration's wish is not repeated
    assert keeper.missing(set(), lambda _: False) == set()
    assert keeper.missing(set(), everything) == set()


def test_what_the_user_connects_returns_with_the_server():
    keeper = ConnectionKeeper()
    keeper.missing({B}, everything)
    keeper.new_server()
    assert keeper.missing(set(), everything) == {B}


def test_a_peer_that_went_away_is_connected_again_when_it_returns():
    keeper = ConnectionKeeper()
    keeper.missing({B}, everything)
    assert keeper.missing(set(), lambda name: name != "player:in") == set()
    assert keeper.missing(set(), everything) == {B}


def test_a_peer_that_is_seen_while_it_leaves_is_connected_again_when_it_returns():
    """JACK takes the connections of a client that leaves before its ports."""
    keeper = ConnectionKeeper()
    keeper.missing({A, B}, everything)
    assert keeper.missing({A}, everything) == set()
    assert keeper.missing({A}, lambda name: name != "player:in") == set()
    assert keeper.missing({A}, everything) == {B}


def test_a_server_that_is_seen_while_it_ends_finds_the_connections_again():
    keeper = ConnectionKeeper()
    keeper.missing({A, B}, everything)
    assert keeper.missing(set(), everything) == set()
    keeper.new_server()
    assert keeper.missing(set(), everything) == {A, B}


def test_a_wish_that_changes_takes_its_connection_along():
    keeper = ConnectionKeeper()
    keeper.want({A})
    keeper.missing({A, B}, everything)
    keeper.want({("M+000", "card:2")})
    assert keeper.surplus({A, B}) == {A}
    assert keeper.missing({B}, everything) == {("M+000", "card:2")}
    assert keeper.surplus({("M+000", "card:2"), A, B}) == set()  # a person has made it


def test_a_connection_that_is_wished_and_renamed_is_still_our_own():
    keeper = ConnectionKeeper()
    keeper.want({A})
    keeper.missing({A}, everything)
    keeper.rename("M+000", "card:1", "card:one")
    keeper.want({A})
    assert keeper.surplus({("M+000", "card:one")}) == {("M+000", "card:one")}
    assert keeper.missing(set(), everything) == {A}
