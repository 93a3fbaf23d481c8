"""Jobs as real processes under the `/opt/ml` contract."""
