{{- define "queue-system.otlpEndpoint" -}}
{{- if .Values.jaeger.enabled -}}
http://{{ include "queue-system.fullname" . }}-jaeger:4318
{{- else -}}
{{- .Values.telemetry.endpoint -}}
{{- end -}}
{{- end -}}

{{/* The chart's own Jaeger, or a collector; one that is neither in the cluster nor named by
     telemetry.to is in the public internet. */}}
{{- define "queue-system.egressTelemetry" -}}
{{- if .Values.jaeger.enabled -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "queue-system.selectorLabels" (list . "jaeger") | nindent 10 }}
  ports:
    - {protocol: TCP, port: otlp-http}
{{- else if .Values.telemetry.endpoint -}}
{{- $url := urlParse .Values.telemetry.endpoint -}}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) -}}
{{- $host := regexReplaceAll ":[0-9]+$" $url.host "" -}}
{{- $peers := include "queue-system.peersOf" (list . $host .Values.telemetry.to) -}}
{{- with default (include "queue-system.publicPeers" .) $peers -}}
- to:
    {{- . | nindent 4 }}
  ports:
    - {protocol: TCP, port: {{ default (ternary "443" "80" (eq $url.scheme "https")) $port }}}
{{- end -}}
{{- end -}}
{{- end -}}
