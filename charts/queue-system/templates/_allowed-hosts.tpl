{{/* What the API answers to, its Service's names among it; empty: each name. */}}
{{- define "queue-system.allowedHosts" -}}
{{- if .Values.api.allowedHosts -}}
{{- $service := printf "%s-api" (include "queue-system.fullname" .) -}}
{{- $inside := printf "%s.%s" $service .Release.Namespace -}}
{{- $own := list $service $inside (printf "%s.svc" $inside) (printf "%s.svc.cluster.local" $inside) -}}
{{- join "," (concat .Values.api.allowedHosts $own (include "queue-system.publicHosts" . | fromJsonArray)) -}}
{{- end -}}
{{- end -}}
