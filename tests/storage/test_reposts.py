"""Links between files, by what footage they are about."""

from datetime import UTC, datetime

from storage.reposts import Group, Link, groups

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def link(number: int, one: str, other: str, start_ms: int = 0) -> Link:
    return Link(number, one, other, start_ms, start_ms + 5000, 0, 5000, False, 8.0, NOW)


def told(found: list[Group]) -> dict[str, tuple[str, ...]]:
    return {group.first: group.files[1:] for group in found}


def test_copies_of_one_film_are_one_group_around_the_first() -> None:
    assert told(groups([link(1, "a", "b"), link(2, "a", "c"), link(3, "b", "c")])) == {"a": ("b", "c")}


def test_a_compilation_stands_with_each_of_its_parts_and_welds_none_of_them() -> None:
    found = [link(1, "a", "compilation"), link(2, "b", "compilation", 7000)]
    assert told(groups(found)) == {"a": ("compilation",), "b": ("compilation",)}


def test_a_compilation_that_came_first_groups_its_parts_around_itself_and_says_when_each_is_shown() -> None:
    found = [link(1, "compilation", "a"), link(2, "compilation", "b", 7000), link(3, "a", "copy of a")]
    assert told(groups(found)) == {"compilation": ("a", "b"), "a": ("copy of a",)}
    assert [one.one_start_ms for one in groups(found)[0].links] == [0, 7000]


def test_several_stretches_of_one_file_are_one_member() -> None:
    assert told(groups([link(1, "a", "b"), link(2, "a", "b", 9000)])) == {"a": ("b",)}


def test_nothing_linked_is_no_group() -> None:
    assert groups([]) == []
