"""The custody log made provable: signed heads, manifests of days, time stamps, witnesses, and what checks them."""
