"""The units for systemd and what belongs to them, as data: `stemfield service install` puts them in place."""
