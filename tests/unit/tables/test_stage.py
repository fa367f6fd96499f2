from pathlib import Path

from hps_bench.tables.layout import LAYOUTS
from hps_bench.tables.stage import write_table
from tests.unit.tables.fabricated import cell, cells, job, write_evaluation, write_training


def test_three_files_for_every_table_and_nothing_else(tmp_path: Path) -> None:
    of = cells("dpo-bt", "dpo-hps")
    for each in of:
        write_evaluation(tmp_path, each.evaluation_path, rm_dpo=1.0)
        write_training(tmp_path, each, 1.0)
    for name in LAYOUTS:
        write_table(name, job(*of), tmp_path, tmp_path / "tables")
    expected = {f"{name}.{kind}" for name in LAYOUTS for kind in ("csv", "tex", "html")}
    assert {path.name for path in files(tmp_path / "tables")} == expected


def files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()]


def test_same_records_same_bytes(tmp_path: Path) -> None:
    write_evaluation(tmp_path, cell().evaluation_path, "abcdef", rm_dpo=[1.0, 2, 3, 5, 8, 13])
    for folder in ("one", "two"):
        write_table("table2", job(cell()), tmp_path, tmp_path / folder)
    for file in files(tmp_path / "one"):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
