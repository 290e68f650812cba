#!/bin/sh
# A runbook script as teams have them; MODE is how it behaves, the rest is printed back.
mode=$1
shift
echo "arguments: $*"
echo "token: $TOKEN, home: ${HOME:-none}"
case $mode in
  fail) echo "error: health check failed" >&2; exit 3 ;;
  silent) exit 0 ;;
  hang) read -r _ < "$GATE" ;;
esac
echo "Deployment complete!"
