{{/* The first host by which tasks can be sent from outside, if there is one, as JSON. A Gateway's
     listener may serve TLS: nobody knows here. */}}
{{- define "queue-system.taskHosts" -}}
{{- $found := list -}}
{{- if .Values.ingress.enabled -}}
{{- range include "queue-system.ingressHosts" . | fromJsonArray -}}
{{- $host := . -}}
{{- range .paths -}}
{{- if hasPrefix . "/api/v1/tasks" -}}{{- $found = append $found $host -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- else if .Values.httpRoute.enabled -}}
{{- range .Values.httpRoute.hostnames -}}
{{- $found = append $found (dict "host" . "tlsSecret" "") -}}
{{- end -}}
{{- end -}}
{{- with $found -}}{{- list (first .) | toJson -}}{{- else -}}[]{{- end -}}
{{- end -}}
