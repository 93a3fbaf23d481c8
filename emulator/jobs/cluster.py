"""The hosts of a job, by instance group, and the resourceconfig.json by which each knows the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

GROUP = "homogeneousCluster"


@dataclass(frozen=True)
class Group:
    """Instances of one type."""

    name: str
    instance_type: str
    hosts: list[str]

    def described(self) -> dict[str, Any]:
        """As resourceconfig.json tells of it."""
        return {"instance_group_name": self.name, "instance_type": self.instance_type, "hosts": self.hosts}


@dataclass(frozen=True)
class Cluster:
    """The instances of one job, under the names by which they reach each other."""

    groups: list[Group]

    @classmethod
    def of(cls, resources: Mapping[str, Any], names: Callable[[int], list[str]]) -> Cluster:
        """The cluster that a ResourceConfig or ClusterConfig asks for; `names` are those of so many hosts."""
        wanted = resources.get("InstanceGroups") or [{"InstanceGroupName": GROUP, **resources}]
        hosts, groups = names(sum(item["InstanceCount"] for item in wanted)), []
        for item in wanted:
            mine, hosts = hosts[: item["InstanceCount"]], hosts[item["InstanceCount"] :]
            groups.append(Group(item["InstanceGroupName"], item["InstanceType"], mine))
        return cls(groups)

    @property
    def hosts(self) -> list[str]:
        """All hosts."""
        return [host for group in self.groups for host in group.hosts]

    def resource_config(self, host: str) -> dict[str, Any]:
        """The content of resourceconfig.json on `host`."""
        own = next(group for group in self.groups if host in group.hosts)
        return {
            "current_host": host,
            "current_instance_type": own.instance_type,
            "current_group_name": own.name,
            "hosts": self.hosts,
            "instance_groups": [group.described() for group in self.groups],
            "network_interface_name": "lo",
        }

    def among(self, names: Collection[str]) -> Cluster:
        """The part of the cluster that a channel goes to: the groups of these names, or all when there are none."""
        return Cluster([group for group in self.groups if not names or group.name in names])

    def share(self, items: list[str], host: str) -> list[str]:
        """The part of sorted `items` that `host` gets when they are sharded by S3 key."""
        return items[self.hosts.index(host) :: len(self.hosts)]


def alone(host: str = "algo-1") -> Cluster:
    """A cluster of one host."""
    return Cluster([Group(GROUP, "", [host])])
