{{/* What is allowed but can lose, repeat or expose something, as a JSON list of sentences. */}}
{{- define "queue-system.warnings" -}}
{{- $warnings := list -}}
{{- $request := include "queue-system.seconds" .Values.worker.requestTimeout | int -}}
{{- if gt $request (include "queue-system.seconds" .Values.worker.drainTimeout | int) -}}
{{- $warnings = append $warnings "worker.drainTimeout is shorter than worker.requestTimeout: if a worker stops during a request,\nanother worker may send the same request again." -}}
{{- end -}}
{{- if and .Values.redis.enabled (ne .Values.redis.persistence.appendfsync "always") -}}
{{- $warnings = append $warnings "redis.persistence.appendfsync=everysec: a crash of Redis' node can lose the tasks of the last second." -}}
{{- end -}}
{{- if not .Values.auth.enabled -}}
{{- $warnings = append $warnings "auth.enabled=false: everyone who can reach the API may read and do everything, without a key." -}}
{{- end -}}
{{- if and .Values.auth.enabled (hasPrefix "http:" (include "queue-system.taskUrl" .)) -}}
{{- $warnings = append $warnings (printf "%s is not encrypted: whoever is on the way can read the keys." (include "queue-system.taskUrl" .)) -}}
{{- end -}}
{{- toJson $warnings -}}
{{- end -}}
