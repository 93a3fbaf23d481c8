"""The hosts of a job, and the resourceconfig.json by which each knows the others."""

from dataclasses import dataclass
from typing import Any

GROUP = "homogeneousCluster"


@dataclass(frozen=True)
class Cluster:
    """The instances of one job.

    A single host is `algo-1`, as in the service. Several are named by loopback addresses, 127.0.0.1, 127.0.0.2, ..., because a
    process can't be given a name service of its own: they reach each other under these names.
    """

    instance_type: str
    instance_count: int

    @property
    def hosts(self) -> list[str]:
        """The names of the hosts."""
        if self.instance_count == 1:
            return ["algo-1"]
        return [f"127.0.0.{number}" for number in range(1, self.instance_count + 1)]

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
        return items[self.hosts.index(host) :: self.instance_count]
