"""What an organisation has to bring before it takes part, and how its state may change."""

from dataclasses import dataclass
from typing import Final

from domain.errors import AlreadyDecided, InvalidInput, SamePerson, TooEarly
from domain.programmes.rules.document import CommitmentText
from domain.programmes.rules.terms import OrganisationKind
from domain.values import Words, words

MAX_NAME: Final = 100
MAX_NUMBER: Final = 64
MAX_ADDRESS: Final = 200
MAX_REASON: Final = 500

CATEGORIES: Final[dict[OrganisationKind, Words]] = {
    OrganisationKind.MERCHANT: words("商家", "Shop"),
    OrganisationKind.VOLUNTEER_BODY: words("志愿服务组织", "Volunteer body"),
    OrganisationKind.SCHOOL: words("学校", "School"),
    OrganisationKind.DEPARTMENT: words("部门", "Department"),
    OrganisationKind.UTILITY: words("公用事业", "Utility"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What an organisation says of itself."""

    kind: OrganisationKind
    name: str
    registration_number: str
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """An organisation as the office has locked it. `signed_version` is the newest commitment that it has signed."""

    id: int
    status: str
    applied_by: int | None
    signed_version: int | None


def checked(application: Application) -> Application:
    """The application without blanks around its words. Raises: InvalidInput for what is missing or too long."""
    return Application(
        kind=application.kind,
        name=_worded(application.name, "name", MAX_NAME),
        registration_number=_worded(application.registration_number, "registrationNumber", MAX_NUMBER),
        address=None if application.address is None else _worded(application.address, "address", MAX_ADDRESS),
    )


def check_signature(text: CommitmentText, *, version: int, digest: str) -> None:
    """Whether exactly this text was read. Raises: InvalidInput for another version or another digest."""
    if version != text.version:
        raise InvalidInput(
            words(
                f"现行承诺书是第 {text.version} 版。请阅读后签署该版本。",
                f"The commitment in force is version {text.version}. Please read and sign that one.",
            ),
            field="version",
        )
    if digest.strip().lower() != text.digest:
        raise InvalidInput(
            words(
                "承诺书的摘要不一致。请重新读取全文后签署。",
                "The digest is not that of the commitment. Read the text again, then sign it.",
            ),
            field="digest",
        )


def check_admission(applicant: Applicant, text: CommitmentText, *, officer: int | None) -> None:
    """Raises: AlreadyDecided, SamePerson for one's own application, TooEarly before the commitment is signed."""
    if applicant.status != "APPLIED":
        raise AlreadyDecided(words("该机构已经受理完毕。", "This organisation has been decided on already."))
    if applicant.applied_by is not None and applicant.applied_by == officer:
        raise SamePerson(
            words("不能批准自己提交的申请。请由他人办理。", "You cannot admit your own application. Ask a colleague.")
        )
    if applicant.signed_version != text.version:
        raise TooEarly(
            words(
                "该机构尚未签署现行信用承诺书。签署后才能批准。",
                "It has not signed the commitment in force yet. It can be admitted once it has.",
            )
        )


def check_suspension(status: str) -> None:
    """Raises: AlreadyDecided unless the organisation takes part at present."""
    if status != "ADMITTED":
        raise AlreadyDecided(words("该机构目前没有参与。", "This organisation does not take part at present."))


def check_resumption(status: str) -> None:
    """Raises: AlreadyDecided unless the organisation is suspended."""
    if status != "SUSPENDED":
        raise AlreadyDecided(words("该机构没有被暂停。", "This organisation is not suspended."))


def reason_of(reason: str) -> str:
    """The reason that the organisation's own staff will read. Raises: InvalidInput when there is none, or a novel."""
    return _worded(reason, "reason", MAX_REASON)


def _worded(text: str, field: str, limit: int) -> str:
    stripped = text.strip()
    if not 0 < len(stripped) <= limit:
        raise InvalidInput(
            words(f"请填写,最多 {limit} 个字符。", f"Please fill this in, with {limit} characters at most."),
            field=field,
        )
    return stripped
