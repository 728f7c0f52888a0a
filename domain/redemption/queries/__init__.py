"""SQL of redemption: presentations.py a code on a phone, scans.py the three statements of a scan, sales.py what
becomes of a sale, shapes.py what the API shows, as fragments."""
