"""The Grafana dashboards as code: `python deploy/observability/grafana/generate.py` writes `dashboards/*.json` again.

Prices come from `pipelines/prices.yaml`; every metric is one that the server, the agent or an exporter of deploy/eks exports: a test
holds that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions, VizTooltipOptions
from grafana_foundation_sdk.builders.dashboard import DatasourceVariable
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, SortOrder, TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from pipelines import prices

FOLDER = Path(__file__).parent / "dashboards"
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
FORECASTS = 'route=~"/invocations|/v1/forecast"'
POOLS = {
    "g5.xlarge": ("on-demand",),
    "g5.2xlarge": ("spot", "on-demand"),
    "g5.4xlarge": ("spot", "on-demand"),
    "g5.12xlarge": ("spot", "on-demand"),
}
"""What the NodePools of deploy/eks may start."""


@dataclass(frozen=True)
class Graph:
    """One picture: expressions by their legend; `number` shows the last value instead of a curve."""

    title: str
    expressions: Mapping[str, str]
    unit: str = "short"
    number: bool = False
    width: int = 12


def by_route(quantile: float, metric: str = "housing_request_seconds", labels: str = "route") -> str:
    """A quantile of a histogram over five minutes."""
    return f"histogram_quantile({quantile}, sum by (le, {labels}) (rate({metric}_bucket[5m])))"


SERVICE = (
    Graph("p95 of forecasts (objective 100 ms)", {"p95": "housing:request_seconds:p95_5m"}, "s", number=True, width=6),
    Graph("Requests per second", {"all": f"sum(rate(housing_requests_total{{{FORECASTS}}}[5m]))"}, "reqps", number=True, width=6),
    Graph("Share of server errors", {"5xx": "housing:errors:ratio_5m"}, "percentunit", number=True, width=6),
    Graph("Age of the newest data", {"age": "time() - max(housing_model_newest_data_timestamp_seconds)"}, "s", number=True, width=6),
    Graph("Latency by route", {f"p{int(q * 100)} {{{{route}}}}": by_route(q) for q in (0.5, 0.95, 0.99)}, "s"),
    Graph("Requests by route and status", {"{{route}} {{status}}": "sum by (route, status) (rate(housing_requests_total[5m]))"}, "reqps"),
    Graph("Share above 100 ms, by window", {w: f"housing:slow:ratio_{w}" for w in ("5m", "30m", "1h", "6h")}, "percentunit"),
    Graph("Errors by code", {"{{code}}": "sum by (code) (rate(housing_errors_total[5m]))"}, "reqps"),
    Graph("Queue and requests in flight", {"series that wait": "sum(housing_queue_rows)", "in flight": "sum(housing_requests_in_flight)"}),
    Graph("Wait before the model", {"p95": by_route(0.95, "housing_queue_wait_seconds", "job")}, "s"),
    Graph("Time of a model call", {"p95": by_route(0.95, "housing_predict_seconds", "job")}, "s"),
    Graph("Time by member", {"{{member}}": by_route(0.95, "housing_member_seconds", "member")}, "s"),
    Graph("Series in a call", {"mean": "sum(rate(housing_batch_rows_sum[5m])) / sum(rate(housing_batch_rows_count[5m]))"}),
    Graph("Versions of the model", {"{{model_version}}": "count by (model_version) (housing_model_info)"}),
    Graph("Time to load a model", {"{{instance}}": "housing_model_load_seconds"}, "s"),
    Graph("Memory of a server", {"{{instance}}": 'process_resident_memory_bytes{job="housing-server"}'}, "bytes"),
)

GPU = (
    Graph("Utilisation", {"{{Hostname}} {{pod}}": "DCGM_FI_DEV_GPU_UTIL"}, "percent"),
    Graph("Memory used", {"{{Hostname}}": "DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)"}, "percentunit"),
    Graph("Temperature", {"{{Hostname}}": "DCGM_FI_DEV_GPU_TEMP"}, "celsius"),
    Graph("Power", {"{{Hostname}}": "DCGM_FI_DEV_POWER_USAGE"}, "watt"),
    Graph("SM clock", {"{{Hostname}}": "DCGM_FI_DEV_SM_CLOCK * 1e6"}, "hertz"),
    Graph("XID faults", {"{{Hostname}}": "DCGM_FI_DEV_XID_ERRORS"}),
    Graph("Utilisation, as the server sees it", {"GPU {{gpu}}": "housing_gpu_utilisation_ratio"}, "percentunit"),
    Graph(
        "Memory, as the server sees it", {"GPU {{gpu}}": "housing_gpu_memory_used_bytes / housing_gpu_memory_total_bytes"}, "percentunit"
    ),
    Graph("Temperature, as the server sees it", {"GPU {{gpu}}": "housing_gpu_temperature_celsius"}, "celsius"),
    Graph("Power, as the server sees it", {"GPU {{gpu}}": "housing_gpu_power_watts"}, "watt"),
    Graph("SM clock, as the server sees it", {"GPU {{gpu}}": "housing_gpu_sm_clock_hertz"}, "hertz"),
)


def value(name: str) -> dict[str, str]:
    """What a training printed last under a name."""
    return {"{{pod}} {{step}}": f'housing_training_value{{name="{name}"}}'}


TRAINING = (
    Graph("Trainings that run", {"pods": 'sum(kube_pod_status_phase{namespace="ml-jobs",phase="Running"})'}, number=True, width=6),
    Graph("Waiting for a node", {"pods": 'sum(kube_pod_status_phase{namespace="ml-jobs",phase="Pending"})'}, number=True, width=6),
    Graph(
        "Spot nodes taken in a day",
        {"taken": 'sum(increase(karpenter_interruption_received_messages_total{message_type="spot_interrupted"}[1d]))'},
        number=True,
        width=6,
    ),
    Graph(
        "Trainings that went on with earlier work",
        {"steps": "count(housing_training_restored_files > 0) or vector(0)"},
        number=True,
        width=6,
    ),
    Graph("Training loss", value("train:loss")),
    Graph("Scaled quantile loss of the backtest", value("validation:scaled_quantile_loss")),
    Graph("Coverage of the 80% interval", value("validation:coverage80"), "percentunit"),
    Graph("Seconds of an epoch", value("train:epoch_seconds"), "s"),
    Graph("Seconds of the training", value("train:seconds"), "s"),
    Graph("GPU utilisation, as the training prints it", value("gpu:utilization"), "percent"),
    Graph("Share of the CPU that checkpoints take", value("checkpoint:cpu_share"), "percentunit"),
    Graph("Checkpoint files that a step has brought to S3", {"{{pod}} {{step}}": "housing_training_kept_files"}),
)


def hourly() -> str:
    """USD an hour of the nodes that run: their number by type and market, times their price."""
    table = prices.load()
    terms = []
    for machine, markets in POOLS.items():
        for market in markets:
            usd = table.ec2_spot_usd_per_hour(machine) if market == "spot" else table.ec2_usd_per_hour(machine)
            labels = f'resource_type="pods",instance_type="{machine}",capacity_type="{market}"'
            terms.append(f"(count(karpenter_nodes_allocatable{{{labels}}}) or vector(0)) * {usd:.4g}")
    return " + ".join(terms)


def cost() -> tuple[Graph, ...]:
    """What the nodes cost, and what that buys."""
    fixed = prices.load().requests.eks_cluster_usd_per_hour + prices.load().requests.load_balancer_usd_per_hour
    requests = f"sum(rate(housing_requests_total{{{FORECASTS}}}[1h])) * 3600 / 1000"
    usd = prices.load().ec2_usd_per_hour("g5.xlarge")
    serving = f'count(karpenter_nodes_allocatable{{resource_type="pods",nodepool="inference"}}) * {usd:.4g}'
    nodes = 'count by (instance_type, capacity_type) (karpenter_nodes_allocatable{resource_type="pods"})'
    return (
        Graph("Nodes, USD an hour", {"USD": hourly()}, "currencyUSD", number=True, width=6),
        Graph("Cluster and load balancer, USD an hour", {"USD": f"vector({fixed:.4g})"}, "currencyUSD", number=True, width=6),
        Graph("A month at this rate", {"USD": f"({hourly()} + {fixed:.4g}) * 730"}, "currencyUSD", number=True, width=6),
        Graph("A thousand forecasts", {"USD": f"{serving} / ({requests})"}, "currencyUSD", number=True, width=6),
        Graph("Nodes by type and market", {"{{instance_type}} {{capacity_type}}": nodes}),
        Graph("Nodes, USD an hour", {"USD": hourly()}, "currencyUSD"),
        Graph("Utilisation of the GPUs that are paid for", {"mean": "avg(DCGM_FI_DEV_GPU_UTIL) / 100"}, "percentunit"),
        Graph("Servers", {"ready": 'kube_deployment_status_replicas_ready{namespace="ml-inference"}'}),
    )


def build(uid: str, title: str, graphs: tuple[Graph, ...]) -> str:
    """One dashboard as JSON."""
    board = dashboard.Dashboard(f"Housing: {title}").uid(f"housing-{uid}").tags(["housing"]).time("now-6h", "now").refresh("30s").readonly()
    board = board.with_variable(DatasourceVariable("datasource").type("prometheus").label("Source"))
    for number, graph in enumerate(graphs, 1):
        board = board.with_panel(_panel(graph).id(number))
    return JSONEncoder(sort_keys=True, indent=1).encode(board.build()) + "\n"


def _panel(graph: Graph) -> stat.Panel | timeseries.Panel:
    panel = stat.Panel().reduce_options(ReduceDataOptions().calcs(["lastNotNull"])) if graph.number else _curves()
    panel = panel.title(graph.title).unit(graph.unit).datasource(SOURCE).span(graph.width).height(4 if graph.number else 8)
    for number, (legend, expression) in enumerate(graph.expressions.items()):
        panel = panel.with_target(prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + number)))
    return panel


def _curves() -> timeseries.Panel:
    legend = VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True).calcs([])
    tooltip = VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
    return timeseries.Panel().legend(legend).tooltip(tooltip)


def dashboards() -> Iterator[tuple[str, str]]:
    """File name and content of each."""
    for uid, title, graphs in (
        ("service", "service", SERVICE),
        ("gpu", "GPUs", GPU),
        ("training", "trainings", TRAINING),
        ("cost", "cost", cost()),
    ):
        yield f"{uid}.json", build(uid, title, graphs)


if __name__ == "__main__":
    for name, content in dashboards():
        (FOLDER / name).write_text(content)
