"""Audit a lock for known vulnerabilities, and say plainly when the service has no answer.

pip-audit succeeds even if its service knows none of the packages, as with a mirror that has no advisories.
"""

import json
import subprocess
import sys


def main(lock: str) -> int:
    """Return 1 for a vulnerable package; 0 if there is none, or if the service can't be reached from here."""
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner=off"]
    result = subprocess.run(
        [*command, "--format=json", f"--requirement={lock}"], capture_output=True, text=True, check=False
    )
    if not result.stdout:
        print(f"NOT AUDITED: {lock}: {result.stderr.strip()}")
        return 0
    packages = json.loads(result.stdout)["dependencies"]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if unknown:
        print(
            f"NOT AUDITED: {len(unknown)} of {len(packages)} packages of {lock}: the service has no answer about them"
        )
    vulnerable = [package for package in packages if package.get("vulns")]
    for package in vulnerable:
        identifiers = ", ".join(vulnerability["id"] for vulnerability in package["vulns"])
        print(f"VULNERABLE: {package['name']} {package['version']}: {identifiers}")
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
