"""Which attachments are taken: PNG, JPEG and PDF, known by their content, in a size that fits into one request."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final

from domain.errors import InvalidInput
from domain.values import words

# In base64 this just fits into the 100 kB that a request may have.
MAX_BYTES: Final = 65_536
MAX_NAME: Final = 120
MAX_PER_CASE: Final = 5
MAX_WAITING: Final = 20
SIGNATURES: Final = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "application/pdf": b"%PDF-",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One attachment as its person sends it: a name, the declared type, and the content in base64."""

    file_name: str
    media_type: str
    base64: str


def content_of(paper: Paper) -> bytes:
    """The content. Raises: InvalidInput for another type, too much, nothing, or what is not what it says."""
    name = paper.file_name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable() or "/" in name or "\\" in name:
        raise InvalidInput(_NAME, field="fileName")
    signature = SIGNATURES.get(paper.media_type)
    if signature is None:
        raise InvalidInput(_TYPE, field="mediaType")
    if len(paper.base64) > MAX_BYTES * 4 // 3 + 4:
        raise InvalidInput(_SIZE, field="base64")
    try:
        content = base64.b64decode(paper.base64, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(_BASE64, field="base64") from None
    if not 1 <= len(content) <= MAX_BYTES:
        raise InvalidInput(_SIZE, field="base64")
    if not content.startswith(signature):
        raise InvalidInput(_OTHER_CONTENT, field="base64")
    return content


def digest_of(content: bytes) -> str:
    """The fingerprint by which its person knows that nothing was changed."""
    return hashlib.sha256(content).hexdigest()


_NAME: Final = words(
    f"文件名须为 1 到 {MAX_NAME} 个可见字符,不含斜杠。请改名后重新上传。",
    f"A file name has 1 to {MAX_NAME} visible characters and no slash. Rename the file and send it again.",
)
_TYPE: Final = words(
    "只接收 PNG、JPEG 图片和 PDF 文件。请转换格式后重新上传。",
    "Only PNG and JPEG pictures and PDF files are taken. Convert the file and send it again.",
)
_SIZE: Final = words(
    f"附件不能为空,且不超过 {MAX_BYTES // 1024} KB。请压缩后重新上传。",
    f"An attachment is not empty and at most {MAX_BYTES // 1024} KB. Make it smaller and send it again.",
)
_BASE64: Final = words(
    "附件内容不是有效的 base64。请重新上传。", "The content is not valid base64. Send the file again."
)
_OTHER_CONTENT: Final = words(
    "文件内容与所选类型不符。请选择正确的类型。",
    "The content is not of the type that you named. Name the right type.",
)
