"""`benefits bench scan`: how many scans of one hot budget a process makes, and pgbench with the same statements."""

import asyncio
import re
import tempfile
import time
from pathlib import Path
from typing import Final

from api.cli.bench_ground import Ground, lay_ground
from api.cli.ground import bring_forward
from api.cli.terminal import say, step
from api.embedded import Embedded, prepare
from api.embedded.cluster import find_host
from api.errors import CannotStart
from domain.incentives.queries.standing import INPUTS
from domain.redemption.actions.scanning import redeem
from domain.redemption.rules.scans import Scan

# One transaction of a scan as the server sends it, behind the look-up of what this client scans next.
_SCRIPT: Final = """\
\\set place :place + 1
SELECT b.citizen, b.code_mac, b.key, b.taken, t.person, t.organisation, t.terminal
FROM bench_code AS b JOIN bench_till AS t ON t.client = b.client
WHERE b.client = :client_id AND b.place = :place \\gset
BEGIN;
SELECT * FROM assume('cashier', :person, 'bench', :organisation, :terminal);
SELECT open_scan(ARRAY[CAST(:code_mac AS bytea)], :terminal, :key, '\\x00', true, :now);
{inputs};
SELECT take_benefit(:taken, :now);
COMMIT;
"""
_RATE: Final = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)


def scan(*, clients: int = 64, scans: int = 4_000) -> None:
    """Measure scans of one hot budget against pgbench with the same statements, on a database of their own.

    Parameters
    ----------
    clients
        How many tills scan at the same time.
    scans
        How many scans each of the two makes.
    """
    if not 1 <= clients <= 90 or scans < clients:
        raise CannotStart("Name 1 to 90 clients, and at least one scan for each.")
    each = scans // clients
    with tempfile.TemporaryDirectory(prefix="benefits-bench-") as name:
        folder = Path(name)
        prepare(folder)
        embedded = Embedded(folder)
        try:
            with step("Laying the ground"):
                databases = embedded.start()
                bring_forward(databases)
            ours, theirs = asyncio.run(_measure(embedded, clients, each))
        finally:
            embedded.stop()
    say(f"this process  {ours:8.0f} scans/s")
    say(f"pgbench       {theirs:8.0f} scans/s, the same statements, one scan in each transaction")
    say(f"ratio         {ours / theirs:8.2f}, at {clients} clients and {clients * each} scans each")


async def _measure(embedded: Embedded, clients: int, each: int) -> tuple[float, float]:
    ground = await lay_ground(embedded.wait(), clients=clients, each=each)
    try:
        with step("Scanning"):
            ours = await _scan_all(ground, clients, each)
        # The server has a hundred connections: ours are given back before the peer takes its own.
        await ground.database.dispose()
        with step("Running pgbench"):
            theirs = await _run_pgbench(embedded, ground, clients, each)
        await ground.check(1 + clients * each * 2)
    finally:
        await ground.dispose()
    return ours, theirs


async def _scan_all(ground: Ground, clients: int, each: int) -> float:
    """Every till scans its codes one after the other; all tills at once."""
    begun = time.perf_counter()
    await asyncio.gather(*(_scan_at(ground, client) for client in range(clients)))
    return clients * each / (time.perf_counter() - begun)


async def _scan_at(ground: Ground, client: int) -> None:
    till = ground.tills[client]
    for code, key in ground.codes[client]:
        one = Scan(code=code, terminal_id=till.terminal_id or 0, basis=ground.basis)
        async with ground.database.transaction(till) as unit:
            outcome = await redeem(unit.session, unit.actor, ground.now, catalogue=ground.catalogue, scan=one, key=key)
        if not outcome.allowed:
            raise CannotStart(f"A scan was answered with {outcome.reason}: the measurement means nothing.")


async def _run_pgbench(embedded: Embedded, ground: Ground, clients: int, each: int) -> float:
    script = embedded.folder / "scan.sql"
    script.write_text(_SCRIPT.format(inputs=INPUTS), encoding="utf-8")
    place = ground.socket()
    constants = {**ground.constants(), "place": "0"}
    defined = [part for name, value in constants.items() for part in ("-D", f"{name}={value}")]
    program = find_host(embedded.folder / "postgres", None).binaries / "pgbench"
    process = await asyncio.create_subprocess_exec(
        str(program), "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-t", str(each), "-f", str(script),
        *defined, *place,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate()
    found = _RATE.search(output.decode())
    if process.returncode != 0 or found is None:
        raise CannotStart(f"pgbench did not run: {errors.decode().strip()[-500:]}")
    return float(found[1])
