"""Application Auto Scaling of variants: targets, policies and scheduled actions lie in moto, and are acted on here."""
