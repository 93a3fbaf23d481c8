"""Statistical: exponential smoothing, complex smoothing and Theta per region, from statsforecast."""
