"""What a citizen promises where papers may follow later (容缺受理): the text, and its fingerprint."""

from domain.programmes.rules.document import Product, digest_of
from domain.programmes.rules.shapes import PapersLater
from domain.values import Words, words


def promise_text(product: Product) -> Words:
    """The promise, in the words that are signed; blank papers for products that ask for none later."""
    papers = product.shape.papers if isinstance(product.shape, PapersLater) else ()
    days = product.shape.days if isinstance(product.shape, PapersLater) else 0
    return words(
        f"我承诺在 {days} 天内补齐以下材料:{'、'.join(one.zh for one in papers)}。未补齐的,本期内不再享受"
        f"“{product.title.zh}”;不产生任何信用记录,也不公开。",
        f"I promise to bring these papers within {days} days: {', '.join(one.en for one in papers)}. If I do not, I"
        f" do without “{product.title.en}” until this window ends; it makes no record and is never public.",
    )


def promise_digest(product: Product) -> str:
    """The fingerprint of the promise: signing names it, so that nobody signs another text than was read."""
    text = promise_text(product)
    return digest_of("promise", product.code, text.zh, text.en)
