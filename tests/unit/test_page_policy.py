"""Content-security policies allow exactly the scripts and styles of their pages."""

from __future__ import annotations

from stt.page_policy import policy_of, source_hash


def test_a_hash_is_as_browsers_compute_it() -> None:
    # The example in https://www.w3.org/TR/CSP3/#external-hash
    text = "alert('Hello, world.');"
    assert source_hash(text) == "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"


def test_only_what_is_in_the_page_acts() -> None:
    page = "<style>a {}</style><script>\none()\n</script><script>two()</script>"
    policy = policy_of(page, "blob:", img_src="data:")
    one, two = source_hash("\none()\n"), source_hash("two()")
    assert policy == (
        f"style-src {source_hash('a {}')}; script-src {one} {two} blob:; img-src data:; "
        "base-uri 'none'; default-src 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def test_a_page_without_scripts_may_have_none() -> None:
    assert policy_of("<p>text", form_action="'self'") == (
        "form-action 'self'; base-uri 'none'; default-src 'none'; frame-ancestors 'none'"
    )
