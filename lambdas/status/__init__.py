"""`housing-status`: how an execution or an asynchronous forecast is getting on."""
