"""What redemption decides: codes.py how a code is spelled, scans.py what a scan is told, ends.py how a sale ends."""
