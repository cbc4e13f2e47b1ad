{{/* The Secret with the CA of its certificate; empty: the system's CAs, or no TLS. */}}
{{- define "queue-system.redisCASecret" -}}
{{- if .Values.redis.enabled -}}
{{- include "redis.tlsSecretName" .Subcharts.redis -}}
{{- else -}}
{{- .Values.externalRedis.tls.caSecret -}}
{{- end -}}
{{- end -}}

{{- define "queue-system.redisCAKey" -}}
{{- ternary "ca.crt" .Values.externalRedis.tls.caSecretKey .Values.redis.enabled -}}
{{- end -}}

{{/* What both processes mount: a place for temporary files, and the CA of Redis' certificate. */}}
{{- define "queue-system.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- with include "queue-system.redisCASecret" . }}
- name: redis-ca
  secret:
    secretName: {{ . }}
    items:
      - key: {{ include "queue-system.redisCAKey" $ }}
        path: {{ include "queue-system.redisCAKey" $ }}
{{- end }}
{{- end -}}

{{- define "queue-system.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if include "queue-system.redisCASecret" . }}
- name: redis-ca
  mountPath: /etc/queue-system/redis-ca
  readOnly: true
{{- end }}
{{- end -}}

{{/* Variables that come from elsewhere than the ConfigMap. Arguments: list ROOT COMPONENT. */}}
{{- define "queue-system.env" -}}
{{- $root := index . 0 -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.namespace.name={{ $root.Release.Namespace }},k8s.pod.name=$(POD_NAME),service.instance.id=$(POD_NAME)
{{- include "queue-system.redisEnv" $root }}
{{- if eq (index . 1) "api" }}
{{- include "queue-system.authEnv" $root }}
{{- end }}
{{- include "queue-system.sealingEnv" . }}
{{- with (get $root.Values (index . 1)).extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
