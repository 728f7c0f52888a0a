"""The sample files: the same in every run, and taken without a refusal by the department they are meant for."""

from pathlib import Path

import pytest
from department import refusals

from api.database import WorkerDatabase
from api.importing import FileImport
from domain.actor import ANONYMOUS
from domain.programmes import queries as programmes
from domain.programmes.actions import publish_programme
from seeds.deliveries import department_of, path_of, sample
from seeds.demo import document_of, programme_codes


@pytest.mark.parametrize("code", programme_codes())
def test_a_sample_is_what_its_generator_writes(code: str) -> None:
    assert path_of(code).read_text(encoding="utf-8") == sample(code), "run: python -m seeds.deliveries"


@pytest.mark.parametrize("code", programme_codes())
async def test_a_sample_is_taken_as_it_is(worker: WorkerDatabase, tmp_path: Path, code: str) -> None:
    document = document_of(code)
    async with worker.transaction(ANONYMOUS) as unit:
        programme_id = await publish_programme(unit.session, document=document, today=unit.now.date())
        places = await programmes.organisations(unit.session)
    [source_id] = [
        place.id for place in places if (place.programme_id, place.code) == (programme_id, department_of(document))
    ]
    path = tmp_path / "sample.ndjson"
    path.write_text(sample(code), encoding="utf-8")
    run = await FileImport(worker, path=path, source_id=source_id, kind="records").run(lambda *_: None)
    assert (run.accepted + run.duplicates, run.refused) == (24, 0), refusals(path)
