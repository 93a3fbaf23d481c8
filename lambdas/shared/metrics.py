"""The metrics of the functions (EMF, namespace `housing-crisis-ml`): the one list that the alarms and the dashboard name.

| function | metric | unit | dimensions | |
| --- | --- | --- | --- | --- |
| predict | `Requests` | Count | service; service, route | answers, whatever their status |
| predict | `Latency` | Milliseconds | service; service, route | in the handler, the endpoint's time included |
| predict | `Degraded` | Count | service; service, route | answers by another route than the one that the table meant first |
| predict | `Fallbacks` | Count | service; service, route | attempts of a route that failed, so that the next was tried |
| predict | `BreakerOpened` | Count | service; service, route | a target was taken out of service |
| predict | `Throttled` | Count | service | answers 429 |
| predict | `Refused` | Count | service | other answers 4xx: what the caller can mend |
| predict | `Failed` | Count | service | answers 5xx: what only we can mend |
| predict | `StaleForecasts` | Count | service | requests for known regions that the table of forecasts was too old or absent for |
| predict | `JobsSubmitted` | Count | service | asynchronous forecasts begun |
| train | `ExecutionsStarted` | Count | service | executions, or Jobs on EKS |
| train | `Duplicates` | Count | service | triggers whose execution was there already |
| train | `Refused` | Count | service | triggers and requests that are not valid; they are not tried again |
| train | `Failed` | Count | service | triggers that will be delivered again, and answers 5xx |
| deploy | `UpdatesDone` | Count | service | endpoints with the approved model in service |
| deploy | `UpdatesFailed` | Count | service | endpoints that an approved model did not reach: rolled back, failed, refused |
| status | `Refused`, `Failed` | Count | service | as of predict |

`service` is the name of the function (`housing-predict`). A metric without an event is not written: alarms treat missing data as good.
"""

from __future__ import annotations

NAMESPACE = "housing-crisis-ml"

REQUESTS = "Requests"
LATENCY = "Latency"
DEGRADED = "Degraded"
FALLBACKS = "Fallbacks"
BREAKER_OPENED = "BreakerOpened"
THROTTLED = "Throttled"
REFUSED = "Refused"
FAILED = "Failed"
STALE_FORECASTS = "StaleForecasts"
JOBS_SUBMITTED = "JobsSubmitted"
EXECUTIONS_STARTED = "ExecutionsStarted"
DUPLICATES = "Duplicates"
UPDATES_DONE = "UpdatesDone"
UPDATES_FAILED = "UpdatesFailed"
