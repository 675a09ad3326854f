"""The lab cluster: this checkout's functions on a real Knative on one machine."""
