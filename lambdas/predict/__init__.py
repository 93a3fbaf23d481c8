"""`housing-predict`: a forecast through API Gateway or by direct invocation."""
