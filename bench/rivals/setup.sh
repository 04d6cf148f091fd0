#!/bin/sh
# Makes a virtual environment with the rivals: bench/rivals/setup.sh [FOLDER, default .bench-venv]. Packages come from
# wherever pip is set to look; what is not found there is left out of the comparison.
set -eu
cd "$(dirname "$0")"
folder=${1:-../../.bench-venv}
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --upgrade pip
while read -r package; do
  "$folder/bin/pip" install --quiet "$package" || echo "$package: not installed" >&2
done < requirements.txt
echo "$folder/bin/python"
