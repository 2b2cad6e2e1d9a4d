"""What everything stands on: settings, errors, tenancy, security, observability."""
