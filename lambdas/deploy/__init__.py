"""`housing-deploy`: an approved model goes into service, without anybody waiting for it."""
