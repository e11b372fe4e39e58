"""The Linux kernel by raw rtnetlink: messages, one socket class, our routes, endpoints, a monitor."""
