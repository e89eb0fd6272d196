"""Keys: their files, their one-line form, the keyring of one gateway, issuing and revoking."""
