"""Make the bundled Texas panel from the packages plotnine (txhousing) and arch (core_cpi).

usage: python -m housing.sources.make_texas [--out FOLDER]

Run it in an environment that has pandas, plotnine 0.15.9 and arch 8.0.0. Their data files are read, their code is not
imported. The same files give the same bytes, hence the sha256 that `texas.json` records.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
from importlib import metadata, util
from pathlib import Path

import pandas as pd

from housing.labels import DrawdownDefinition
from housing.sources.base import SourceFacts

COLUMNS = ("sales", "volume", "listings", "inventory")
DEFLATOR = "core_cpi"
# The index of month t appears near the middle of t+1, about when the sales of t are reported: one period late is safe.
DEFLATOR_LAG = 1
LARGE_MARKET_SALES = 100
LARGE_MARKET_MISSING = 25


def package_file(package: str, path: str) -> Path:
    """A data file inside an installed package, found without importing it."""
    spec = util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package}: not installed; pip install {package}")
    return Path(spec.submodule_search_locations[0]) / path


def texas_table() -> pd.DataFrame:
    """Long table `region,date,price,sales,volume,listings,inventory,core_cpi`, by region and date."""
    raw = pd.read_csv(package_file("plotnine", "data/txhousing.csv"))
    months = pd.to_datetime(raw[["year", "month"]].assign(day=1))
    table = pd.DataFrame({"region": raw["city"], "date": months, "price": raw["median"], **{name: raw[name] for name in COLUMNS}})
    cpi = pd.read_csv(package_file("arch", "data/core_cpi/core-cpi.csv.gz"))
    index = pd.Series(cpi["CPILFESL"].to_numpy(), index=pd.to_datetime(cpi["Date"], format="%m/%d/%Y"))
    return table.assign(**{DEFLATOR: table["date"].map(index)}).sort_values(["region", "date"], ignore_index=True)


def large_markets(table: pd.DataFrame) -> tuple[str, ...]:
    """Regions with enough sales and few enough gaps that their median price is worth labelling."""
    by_region = table.groupby("region")
    sales, gaps = by_region["sales"].median(), by_region["price"].apply(lambda prices: prices.isna().sum())
    return tuple(sales.index[(sales >= LARGE_MARKET_SALES) & (gaps <= LARGE_MARKET_MISSING)])


def texas_facts(table: pd.DataFrame, sha256: str) -> SourceFacts:
    return SourceFacts(
        name="texas",
        title="46 Texas housing markets, monthly, 2000-01 to 2015-07",
        licence="market data: MIT, as packaged in ggplot2 and plotnine; core CPI: public domain (US Bureau of Labor Statistics)",
        attribution="Texas Real Estate Research Center, Texas A&M University; US Bureau of Labor Statistics",
        vintage=f"one final vintage to 2015-07, from plotnine {metadata.version('plotnine')} and arch {metadata.version('arch')}; "
        "revisions before that are not recorded",
        unit="US dollars, median sale price, not seasonally adjusted",
        drawdown=DrawdownDefinition(0.05, 12, 60, smoothing=12, deflator=DEFLATOR, regions=large_markets(table)),
        lags={DEFLATOR: DEFLATOR_LAG},
        national=(DEFLATOR,),
        sha256=sha256,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the bundled Texas panel.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data")
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    table = texas_table()
    text = table.to_csv(index=False, date_format="%Y-%m-%d", float_format="%.10g", lineterminator="\n")
    content = gzip.compress(text.encode(), compresslevel=9, mtime=0)
    facts = texas_facts(table, hashlib.sha256(content).hexdigest())
    (folder / "texas.csv.gz").write_bytes(content)
    (folder / "texas.json").write_text(json.dumps(facts.to_json(), indent=1) + "\n")
    sys.stdout.write(f"{folder}: {len(table)} rows, {len(content)} bytes, sha256 {facts.sha256}\n")


if __name__ == "__main__":
    main()
