"""Docstrings of tools, in the three styles people write."""

from __future__ import annotations

import pytest

from daemon.realtime.docstrings import parse_docstring

GOOGLE = """Set a timer.

    It rings once.

    Args:
        minutes (int): How long,
            in minutes.
        label: What it is for: tea, eggs.

    Returns:
        A sentence.
    """

NUMPY = """Set a timer.

    It rings once.

    Parameters
    ----------
    minutes : int
        How long,
        in minutes.
    label
        What it is for: tea, eggs.

    Returns
    -------
    str
        A sentence.
    """

SPHINX = """Set a timer.

    It rings once.

    :param int minutes: How long,
        in minutes.
    :param label: What it is for: tea, eggs.
    :returns: A sentence.
    """


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_docstring_of_each_style_gives_the_same(text: str) -> None:
    parsed = parse_docstring(text)
    assert parsed.description == "Set a timer.\n\nIt rings once."
    assert parsed.parameters == {"minutes": "How long, in minutes.", "label": "What it is for: tea, eggs."}


@pytest.mark.parametrize("text", [None, "", "   \n  "])
def test_docstring_absent_gives_nothing(text: str | None) -> None:
    assert parse_docstring(text).description == ""


def test_docstring_text_behind_a_google_section_belongs_to_the_description() -> None:
    assert parse_docstring("One.\n\nArgs:\n    a: x\n\nSay so first.").description == "One.\n\nSay so first."


def test_docstring_other_headers_stay_in_the_description() -> None:
    assert (
        parse_docstring("Call it.\n\nExample:\n    call(1)").description
        == "Call it.\n\nExample:\n    call(1)"
    )


def test_docstring_of_two_numpy_parameters_in_one_entry() -> None:
    parsed = parse_docstring("X.\n\nParameters\n----------\na, b : int\n    A number.\n*rest\n    More.")
    assert parsed.parameters == {"a": "A number.", "b": "A number.", "rest": "More."}


def test_docstring_style_given_is_not_guessed() -> None:
    assert parse_docstring("X.\n\nArgs:\n    a: y", "sphinx").parameters == {}


def test_docstring_with_a_type_full_of_brackets() -> None:
    text = "X.\n\nArgs:\n  pairs (list[tuple(int, str)], optional): Some."
    assert parse_docstring(text).parameters == {"pairs": "Some."}


def test_docstring_of_starred_google_parameters() -> None:
    assert parse_docstring("X.\n\nArgs:\n  *names: Some.\n  **more: Others.").parameters == {
        "names": "Some.",
        "more": "Others.",
    }
