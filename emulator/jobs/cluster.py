"""The hosts of a job, and the resourceconfig.json by which each knows the others."""

from dataclasses import dataclass
from typing import Any

GROUP = "homogeneousCluster"


@dataclass(frozen=True)
class Cluster:
    """The instances of one job, under the names by which they reach each other."""

    instance_type: str
    hosts: list[str]

    def resource_config(self, host: str) -> dict[str, Any]:
        """The content of resourceconfig.json on `host`."""
        return {
            "current_host": host,
            "current_instance_type": self.instance_type,
            "current_group_name": GROUP,
            "hosts": self.hosts,
            "instance_groups": [{"instance_group_name": GROUP, "instance_type": self.instance_type, "hosts": self.hosts}],
            "network_interface_name": "lo",
        }

    def share(self, items: list[str], host: str) -> list[str]:
        """The part of sorted `items` that `host` gets when they are sharded by S3 key."""
        return items[self.hosts.index(host) :: len(self.hosts)]
