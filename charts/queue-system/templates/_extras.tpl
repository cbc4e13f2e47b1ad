{{/* What a component's values add to its pod. Arguments of all: list ROOT COMPONENT. */}}

{{- define "queue-system.serviceAccountName" -}}
{{- $account := (get (index . 0).Values (index . 1)).serviceAccount -}}
{{- $own := printf "%s-%s" (include "queue-system.fullname" (index . 0)) (index . 1) -}}
{{- default (ternary $own "default" $account.create) $account.name -}}
{{- end -}}

{{- define "queue-system.serviceAccount" -}}
{{- $account := (get (index . 0).Values (index . 1)).serviceAccount -}}
{{- if $account.create -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "queue-system.serviceAccountName" . }}
  labels:
    {{- include "queue-system.labels" . | nindent 4 }}
  {{- with $account.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}
{{- end -}}

{{- define "queue-system.initContainers" -}}
{{- with (get (index . 0).Values (index . 1)).initContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The variables of its ConfigMap come first: what is named in envFrom wins. */}}
{{- define "queue-system.envFrom" -}}
- configMapRef:
    name: {{ include "queue-system.fullname" (index . 0) }}-{{ index . 1 }}
{{- with (get (index . 0).Values (index . 1)).envFrom }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "queue-system.extra" -}}
{{- with get (get (index . 0).Values (index . 1)) (index . 2) }}
{{ toYaml . }}
{{- end }}
{{- end -}}
