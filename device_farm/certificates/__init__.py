"""Access that ends: OpenSSH user certificates that last as long as a lease, so that nobody keeps a key to a device."""
