{{/* What the worker may deliver to beside the public internet; `helm test` receives a task itself. */}}
{{- define "queue-system.egressAllow" -}}
{{- $allow := .Values.egress.allow -}}
{{- if .Values.tests.enabled -}}
{{- $allow = append $allow (include "queue-system.testHost" .) -}}
{{- end -}}
{{- join "," $allow -}}
{{- end -}}

{{- define "queue-system.testHost" -}}
{{ include "queue-system.fullname" . }}-test.{{ .Release.Namespace }}.svc
{{- end -}}
