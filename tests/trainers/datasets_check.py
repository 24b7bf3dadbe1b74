"""`datasets`, pyarrow and DuckDB over a dataset folder (RUN/dataset) and an export of form `hf`.

usage: datasets_check.py DATASET HF_EXPORT
"""

import glob
import os
import sys
import tempfile

import common


def card(folder):
    """The card's front matter, by the hub's own reader and by that of `datasets`."""
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    data = DatasetCard.load(os.path.join(folder, "README.md"), ignore_metadata_errors=False).data
    assert data.tags and "coldstart" in data.tags, data
    configs = MetadataConfigs.from_dataset_card_data(data)
    files = configs["default"]["data_files"]
    for split in files:
        assert glob.glob(os.path.join(folder, split["path"])), split
    return [split["split"] for split in files]


def main(dataset, export):
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_DATASETS_CACHE"] = tempfile.mkdtemp(prefix="ds-cache-")
    import datasets
    import duckdb
    import pyarrow.parquet as pq
    from PIL import Image

    shards = sorted(
        os.path.join(dataset, name) for name in os.listdir(dataset) if name.endswith(".parquet")
    )
    raw = [row for shard in shards for row in pq.read_table(shard).to_pylist()]
    print(f"pyarrow: {len(raw)} rows in {len(shards)} shards")
    plain = datasets.load_dataset("parquet", data_files=shards, split="train")
    hub = datasets.load_dataset(export)
    forms = [("shards", plain)]
    if os.path.exists(os.path.join(dataset, "README.md")):
        [split] = card(dataset)
        forms.append(("folder by its card", datasets.load_dataset(dataset, split=split)))
    assert sorted(card(export)) == sorted(hub), "the card's splits"
    for name, data in forms:
        assert len(data) == len(raw), name
        for row, wanted in zip(data, raw):
            assert row["id"] == wanted["id"] and row["messages"] == wanted["messages"]
            slots = sum(m["content"].count("<image>") for m in row["messages"] if m["role"] == "user")
            assert slots == len(row["images"]) == len(wanted["images"])
            for seen, sent in zip(row["images"], wanted["images"]):
                assert isinstance(seen, Image.Image), type(seen)
                assert common.same_pixels(seen, sent["bytes"])
        print(f"datasets {datasets.__version__} ({name}): {len(data)} rows, images are PIL")
    report = common.account(export)
    for split, data in hub.items():
        assert len(data) == report["splits"][split]["rows"]
        assert all(isinstance(i, Image.Image) for row in data for i in row["images"])
        print(f"datasets, form hf, {split}: {len(data)} rows, images are PIL")
    found = duckdb.sql(
        f"""select outcome, count(*), sum(len(images)), sum(octet_length(images[1].bytes)),
            min(len(rounds)), any_value(rounds[1].refined_prompt), any_value(provenance.simulated)
            from read_parquet({shards!r}) group by 1 order by 1"""
    ).fetchall()
    assert sum(row[1] for row in found) == len(raw)
    assert sum(row[2] for row in found) == sum(len(row["images"]) for row in raw)
    print("duckdb:", [(row[0], row[1], row[2]) for row in found])


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
